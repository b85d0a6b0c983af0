"""Runs for everybody to see: copies without what is private, and an index over them."""
