"""Fit: what a model would take of each device, from its artifact's headers alone."""
