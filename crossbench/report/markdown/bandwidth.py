"""Decode beside what is published of the memory it reads its weights from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crossbench.analysis.bandwidth import BandwidthUse
from crossbench.report.model import Report
from crossbench.report.words import escaped, number

GB = 10**9


def bandwidth(report: Report, scenario: str) -> Iterator[str]:
    """One paragraph for a scenario, where any of its targets has a share."""
    uses = [use for use in report.bandwidth if use.scenario == scenario]
    if any(use.share is not None for use in uses):
        told = "; ".join(map(_told, uses))
        yield (
            "Bytes of weights \u00d7 decoded tokens per second, of the published bandwidth of "
            f"the devices together: {told}."
        )


def untold(report: Report) -> Iterator[str]:
    """Why no cell at all has a share, each reason once with the targets that it holds for."""
    if not report.bandwidth or any(use.share is not None for use in report.bandwidth):
        return
    targets: dict[str, list[str]] = {}
    reasons: dict[str, dict[str, list[str]]] = {}
    for use in report.bandwidth:
        targets.setdefault(use.target, []).append(use.scenario)
        whose = reasons.setdefault(use.reason or "unknown", {})
        whose.setdefault(use.target, []).append(use.scenario)
    told = "; ".join(
        escaped(reason) + ("" if whose == targets else f" ({_whose(whose, targets)})")
        for reason, whose in reasons.items()
    )
    yield "## Bandwidth"
    yield f"What decode takes of the devices' published bandwidth is not told: {told}."


def _whose(whose: Mapping[str, list[str]], targets: Mapping[str, list[str]]) -> str:
    """Targets, with the scenarios of those that it does not hold for on all of theirs."""
    return "; ".join(
        escaped(target if on == targets[target] else f"{target} on {', '.join(on)}")
        for target, on in whose.items()
    )


def _told(use: BandwidthUse) -> str:
    name = escaped(use.target)
    if use.share is None or use.published_bytes_per_s is None:
        return f"{name} not told ({escaped(use.reason or 'unknown')})"
    whole = number(use.published_bytes_per_s / GB)
    return f"{name} {number(100 * use.share)} % of {whole} GB/s"
