"""Whether heat or power held the processor's clocks back, by what the kernel counts of it."""

from __future__ import annotations

from collections.abc import Sequence

from crossbench.analysis.span import Span
from crossbench.report.words import number

GHZ = 1e9
COUNTED = ("core", "package")
COUNTERS = tuple(("processor", f"{name}_throttles") for name in COUNTED)


def throttled(spans: Sequence[Span], most_hz: float | None) -> tuple[bool | None, str]:
    """Whether, None where nothing counts it; and what was read, nothing where nothing was.

    `most_hz` is what the clock may rise to.
    """
    grown = {name: _grown(spans, f"{name}_throttles") for name in COUNTED}
    known = {name: times for name, times in grown.items() if times is not None}
    told = [
        f"{name}s {times:.0f} times" if times else f"{name}s not once"
        for name, times in known.items()
    ]
    clocks = [hertz for span in spans for hertz in span.read("processor", "clock")]
    if clocks:
        most = f" of at most {number(most_hz / GHZ)} GHz" if most_hz else ""
        told.append(f"{number(sum(clocks) / len(clocks) / GHZ)} GHz on average{most}")
        told += [] if known else ["it does not count throttling"]
    return any(known.values()) if known else None, ", ".join(told)


def _grown(spans: Sequence[Span], quantity: str) -> float | None:
    """By how much over all spans; None where none of them has two readings."""
    read = [values for span in spans if len(values := span.read("processor", quantity)) > 1]
    return sum(values[-1] - values[0] for values in read) if read else None
