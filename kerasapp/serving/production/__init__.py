"""Files that put an export into production."""
