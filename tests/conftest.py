"One browser for the whole run: a fixture that each file imported for itself would start a second one beside the first."

from browser import chromium, lab  # noqa: F401
