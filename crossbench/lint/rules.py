"""The host's own rules, whatever the engines are; docs/lint.md lists them.

Rules that know one engine's traps live in its plugin, behind the same hook.
"""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.api import Finding
from crossbench.lint import comparison, machine, memory
from crossbench.plan.model import Plan


def findings(plan: Plan) -> Iterator[Finding]:
    """All that the host itself finds."""
    for rule in (*comparison.RULES, *memory.RULES, *machine.RULES):
        yield from rule(plan)
