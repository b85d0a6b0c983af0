"""Standin as a crossbench backend."""
