"""The errors of this room."""

from __future__ import annotations

from crossbench.errors import CrossbenchError


class ArtifactFailure(CrossbenchError):
    """An artifact could not be had, verified or read: what was found and what to do."""


class Unreachable(ArtifactFailure):
    """The hub did not answer, or something else did in its stead; what is here already may do."""
