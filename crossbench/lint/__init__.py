"""Preflight: what of a plan would make its comparison unfair, or fail, told before it runs."""
