"""Comparison: whether two cells may be compared, and what then may be said of them."""
