"""The rules: a pure function of the plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crossbench.api import Finding
from crossbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

LEAST_TOKENS = 128


@hookimpl
def crossbench_lint(plan: Plan) -> Iterable[Finding]:
    """Short outputs say little of decoding."""
    short = [each for each in plan.suite.scenarios if each.output_tokens < LEAST_TOKENS]
    if short:
        told = ", ".join(f"{each.name} {each.output_tokens}" for each in short)
        yield Finding(
            rule="house-short-output",
            severity="note",
            targets=tuple(target.target for target in plan.targets),
            evidence=f"output tokens: {told}",
            fix=f"ask for {LEAST_TOKENS} and more",
        )
