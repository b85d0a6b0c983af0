"""The module that `crossbench plugins check` hands to pytest."""

from __future__ import annotations

from crossbench.testing.conformance.kit import BackendConformance


class TestBackend(BackendConformance):
    """Its attributes are set before it is collected, by `crossbench.plugins.kit`."""
