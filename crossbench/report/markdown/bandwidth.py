"""Decode beside what is published of the memory it reads its weights from."""

from __future__ import annotations

from collections.abc import Iterator

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


def _told(use: BandwidthUse) -> str:
    name = escaped(use.target)
    if use.share is None or use.published_bytes_per_s is None:
        return f"{name} not told ({escaped(use.reason or 'unknown')})"
    whole = number(use.published_bytes_per_s / GB)
    return f"{name} {number(100 * use.share)} % of {whole} GB/s"
