"What the measurements share."
