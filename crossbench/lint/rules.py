"""The host's own rules: what makes targets unlike, whatever their engines are.

Rules that know one engine's traps live in its plugin, behind the same hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from crossbench.api import Aspect, Finding
from crossbench.plan.model import Plan

UNTOLD = (None, "auto")
"""What leaves a choice to the engine; the report tells what it chose."""
SYNONYMS = {"half": "f16", "float16": "f16", "bfloat16": "bf16", "float": "f32", "float32": "f32"}
"""Engines call the same type by different names."""


def findings(plan: Plan) -> Iterator[Finding]:
    """All that the host itself finds."""
    for rule in RULES:
        yield from rule(plan)


def unequal_context(plan: Plan) -> Iterator[Finding]:
    """Contexts set by hand that differ: the larger one costs memory and sometimes speed."""
    return _unequal(
        plan,
        "context",
        "context-unequal",
        "set the same context for every target, or leave it out: it then fits the plan",
    )


def unequal_kv_dtype(plan: Plan) -> Iterator[Finding]:
    """KV caches of different types: fewer bits are faster and lose quality."""
    return _unequal(
        plan,
        "kv_dtype",
        "kv-dtype-unequal",
        "give every target a KV cache of the same type, or make the type what you compare",
    )


def prefix_cache(plan: Plan) -> Iterator[Finding]:
    """A prefix cache answers a prompt it has seen without computing it."""
    names = [item.target for item in plan.targets if item.aspects.get("prefix_cache") is True]
    if names:
        yield Finding(
            rule="prefix-cache",
            severity="unfair",
            targets=tuple(names),
            evidence="the prefix cache is on: the common head of prompts would not be computed",
            fix="turn it off, unless warm prompts are what you measure",
        )


def no_quality(plan: Plan) -> Iterator[Finding]:
    """Artifacts of different formats compared by speed alone."""
    planned = {item.target for item in plan.targets}
    artifacts = {item.artifact for item in plan.suite.targets if item.name in planned}
    if plan.suite.quality is None and len(artifacts) > 1:
        yield Finding(
            rule="quality-unmeasured",
            severity="unfair",
            targets=tuple(item.target for item in plan.targets),
            evidence=f"{len(artifacts)} artifacts and no text to score: what a format with fewer "
            "bits loses stays unknown",
            fix="add a [quality] table with a text",
        )


def does_not_fit(plan: Plan) -> Iterator[Finding]:
    """Targets that run here and whose memory will not do."""
    for item in plan.targets:
        fit = plan.fits.get(item.target)
        if fit is not None and fit.fits is False:
            yield Finding(
                rule="does-not-fit",
                severity="risk",
                targets=(item.target,),
                evidence=fit.verdict,
                fix="change it as said, or free the memory first",
            )


RULES: tuple[Callable[[Plan], Iterable[Finding]], ...] = (
    unequal_context,
    unequal_kv_dtype,
    prefix_cache,
    no_quality,
    does_not_fit,
)


def _unequal(plan: Plan, aspect: Aspect, rule: str, fix: str) -> Iterator[Finding]:
    values = {item.target: item.aspects.get(aspect) for item in plan.targets}
    told = {target: value for target, value in values.items() if value not in UNTOLD}
    if len({SYNONYMS.get(value, value) for value in told.values()}) > 1:
        yield Finding(
            rule=rule,
            severity="unfair",
            targets=tuple(told),
            evidence=_spelled(told),
            fix=fix,
        )


def _spelled(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{target} has {value}" for target, value in values.items())
