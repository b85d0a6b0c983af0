"""What a plan says of a target's fit."""

from __future__ import annotations

from crossbench.fit.advice import Fit
from crossbench.fit.footprint import Estimate, Footprint

GIB, MIB = 2**30, 2**20


def verdict(fit: Fit) -> str:
    """One clause: whether it fits and how far, or by how much it does not and what would."""
    if fit.fits is None:
        return f"would take {_each(fit.estimate)}"
    if fit.fits:
        return f"fits, with up to {fit.largest_context or 0:,} tokens of context"
    reasons = [
        f"{short.device} would hold {_gib(short.needed_bytes)} of {_gib(short.usable_bytes)} usable"
        for short in fit.shortfalls
    ]
    if fit.kv_short:
        found = fit.estimate
        reasons.append(
            f"its KV cache would hold {found.kv_capacity_tokens:,} of {found.context_tokens:,} "
            "tokens"
        )
    remedy = " or ".join(each.words for each in fit.remedies) or "nothing known here"
    return f"does not fit: {', '.join(reasons)}; what would fit: {remedy}"


def breakdown(estimate: Estimate) -> list[str]:
    """A line a device: each part with its source where that is no header and no formula."""
    return [_line(footprint) for footprint in estimate.footprints] + list(estimate.notes)


def _line(footprint: Footprint) -> str:
    parts = {
        "weights": footprint.weights,
        "KV cache": footprint.kv,
        "compute": footprint.compute,
        "overhead": footprint.overhead,
    }
    told = ", ".join(
        f"{name} {_gib(part.bytes)}{' (assumed)' if part.whence == 'assumed' else ''}"
        for name, part in parts.items()
        if part.bytes
    )
    return f"{footprint.device}: {_gib(footprint.bytes)} ({told})"


def _each(estimate: Estimate) -> str:
    return ", ".join(f"{_gib(each.bytes)} on {each.device}" for each in estimate.footprints)


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB / 10 else f"{count / MIB:.1f} MiB"
