"""A file for each kind."""
