"Many calls: kept, retried, spread, counted."
