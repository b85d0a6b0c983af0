"""Plugins as their users and authors see them: listed, switched off, checked, begun anew."""
