"""A comparison of two runs, or of a run's targets, as markdown to paste."""

from __future__ import annotations

from crossbench.report.markdown.comparison import RULE, listed, tables
from crossbench.report.versus import Versus
from crossbench.report.words import escaped


def render(found: Versus) -> str:
    """The table, then what stands beside it."""
    parts = [
        f"## {escaped(found.target)} against {escaped(found.baseline)}",
        *tables(found.comparisons),
        "\n".join(f"- {escaped(note)}." for note in found.notes),
        listed(found.comparisons, found.axis),
        RULE,
    ]
    return "\n\n".join(part for part in parts if part)
