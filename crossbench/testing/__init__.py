"""What plugin authors and the tests use: the scripted null engine and the conformance kit.

`BackendConformance` needs pytest and is imported when it is asked for; the null engine is imported
in workers, which have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossbench.testing.conformance.kit import BackendConformance

__all__ = ["BackendConformance"]


def __getattr__(name: str) -> Any:
    if name == "BackendConformance":
        from crossbench.testing.conformance.kit import BackendConformance  # noqa: PLC0415 - lazy

        return BackendConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
