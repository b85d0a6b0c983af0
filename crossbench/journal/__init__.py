"""A run on disk: what was going to be done, and what then happened, one event a line."""
