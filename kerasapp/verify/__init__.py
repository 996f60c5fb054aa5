"""The same inputs through every runtime of an export: what is compared, measured and shown."""
