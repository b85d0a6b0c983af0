"""What makes targets of one suite unlike, whatever their engines are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from crossbench.api import Aspect, Finding
from crossbench.plan.model import UNKNOWN, Plan

UNTOLD = (None, "auto")
"""What leaves a choice to the engine; the report tells what it chose."""
SYNONYMS = {"half": "f16", "float16": "f16", "bfloat16": "bf16", "float": "f32", "float32": "f32"}
"""Engines call the same type by different names."""
ALIKE_BITS = 0.05
"""Bits per weight that differ by less than this share count as one format."""
PROCESSOR = frozenset({"cpu", "rpc", "host"})
"""Variants of environments that compute on the processor of this machine."""


def unequal_context(plan: Plan) -> Iterator[Finding]:
    """Contexts set by hand that differ: the larger one costs memory and sometimes speed."""
    return _unequal(
        plan,
        "context",
        "context-unequal",
        "set the same context for every target, or leave it out: it then fits the plan",
    )


def short_context(plan: Plan) -> Iterator[Finding]:
    """A context that some request does not fit into: its engine refuses it, or cuts it short."""
    outputs = {scenario.name: scenario.output_tokens for scenario in plan.suite.scenarios}
    lengths = {
        planned.scenario: max(planned.prompt_tokens) + outputs[planned.scenario]
        for planned in plan.scenarios
        if UNKNOWN not in planned.prompt_tokens
    }
    for item in plan.targets:
        context = item.aspects.get("context")
        long = {name: tokens for name, tokens in lengths.items() if tokens > (context or tokens)}
        if long:
            yield Finding(
                rule="context-short",
                severity="risk",
                targets=(item.target,),
                evidence=f"a context of {context} tokens, and "
                + ", ".join(f"{name} needs {tokens}" for name, tokens in long.items()),
                fix="raise the context, or leave it out: it then fits the plan",
            )


def unequal_kv_dtype(plan: Plan) -> Iterator[Finding]:
    """KV caches of different types: fewer bits are faster and lose quality."""
    return _unequal(
        plan,
        "kv_dtype",
        "kv-dtype-unequal",
        "give every target a KV cache of the same type, or make the type what you compare",
    )


def unequal_bits(plan: Plan) -> Iterator[Finding]:
    """Weights of different widths: decoding reads them all for each token."""
    bits = {
        item.target: traits.bits_per_weight
        for item in plan.targets
        if (fit := plan.fits.get(item.target)) and (traits := fit.traits)
    }
    known = {target: value for target, value in bits.items() if value}
    if known and max(known.values()) > (1 + ALIKE_BITS) * min(known.values()):
        scored = plan.suite.quality is not None
        yield Finding(
            rule="bits-per-weight-unequal",
            severity="note" if scored else "unfair",
            targets=tuple(known),
            evidence=", ".join(f"{target} has {value:.2f}" for target, value in known.items())
            + " bits per weight, as each file has it: fewer are read faster and say less",
            fix="read speed beside the quality that is scored"
            if scored
            else "compare artifacts of the same width, or add a [quality] table with a text",
        )


def unequal_devices(plan: Plan) -> Iterator[Finding]:
    """One target on a GPU and another on the processor, perhaps for want of a compiler."""
    variants = {item.target: item.variant for item in plan.targets}
    kinds = {variant in PROCESSOR for variant in variants.values() if variant != "host"}
    if len(kinds) > 1:
        yield Finding(
            rule="devices-unequal",
            severity="unfair",
            targets=tuple(variants),
            evidence=", ".join(
                f"{target} runs on {variant}" for target, variant in variants.items()
            ),
            fix="crossbench doctor says what the better variant lacks; or name a variant",
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


def no_warmup(plan: Plan) -> Iterator[Finding]:
    """The first request of each shape compiles, allocates and fills caches of code."""
    if plan.suite.protocol.warmups == 0 and plan.targets:
        yield Finding(
            rule="no-warmup",
            severity="unfair",
            targets=tuple(item.target for item in plan.targets),
            evidence="warmups is 0: the first request of each shape is timed, which some engines "
            "take seconds longer for",
            fix="set warmups to 1 or more, unless first requests are what you measure",
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


RULES: tuple[Callable[[Plan], Iterable[Finding]], ...] = (
    unequal_context,
    short_context,
    unequal_kv_dtype,
    unequal_bits,
    unequal_devices,
    prefix_cache,
    no_warmup,
    no_quality,
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
