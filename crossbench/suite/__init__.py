"""Suites: TOML files to structs, with errors that name file, line and key."""
