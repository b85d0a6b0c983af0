"""Quality in the report: how well each target predicts the scoring set."""

from __future__ import annotations

from msgspec import Struct

from crossbench.analysis.quality import Difference
from crossbench.plan.model import NonResult


class QualityReport(Struct, frozen=True, kw_only=True):
    """How well one target predicts the scoring set, or why that is not known."""

    target: str
    word: NonResult | None
    """None where it was scored."""
    reason: str | None
    """Why it was not scored; of one that was, why it has no difference."""
    windows: int
    tokens: int
    bytes: int
    bits_per_byte: float | None
    difference: Difference | None
    """Against the reference; None for the reference itself, and without one."""


class ScoringReport(Struct, frozen=True, kw_only=True):
    """The scoring set, and what came of it."""

    windows: int
    window_tokens: int
    tokens: int
    bytes: int
    sha256: str
    reference: str | None
    targets: tuple[QualityReport, ...]
