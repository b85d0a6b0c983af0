"""What each target takes of each device: the engine's own split, and the most that was read."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.analysis.memory import MemoryUse
from crossbench.report.charts import svg
from crossbench.report.charts.rows import At, Panel, Row, charts
from crossbench.report.charts.svg import Chart
from crossbench.report.model import Report
from crossbench.report.words import size

LEGEND = (
    "Blocks, dark to light: weights, KV cache, compute buffers, as the engine splits its memory; "
    "grey before them: in use before it started. Line: the most that was read while it ran. "
    "Beside a device: its capacity."
)
UNSHOWN = ("memory", "swap", "worker's swap")
"""Rows of the whole machine, against which one model cannot be seen."""
HALF = 6.0


def memory(report: Report) -> list[Chart]:
    """A panel for each device that anything is known of."""
    places = {target.name: place for place, target in enumerate(report.targets)}
    devices: dict[str, list[MemoryUse]] = {}
    for use in report.memory:
        if use.device not in UNSHOWN or use.engine is not None:
            devices.setdefault(use.device, []).append(use)
    panels = [
        Panel(
            name=_device(device, uses),
            rows=tuple(_row(places[use.target], use) for use in uses),
        )
        for device, uses in devices.items()
    ]
    return charts("memory", "Memory", panels, "B", LEGEND, zero=True)


def _device(name: str, uses: list[MemoryUse]) -> str:
    capacity = next((use.capacity_bytes for use in uses if use.capacity_bytes), None)
    return f"{name}, {size(capacity)}" if capacity else name


def _row(place: int, use: MemoryUse) -> Row:
    blocks = list(_blocks(use))
    peak = use.peak_bytes
    most = max([peak or 0, *(end for _, _, end in blocks)])

    def draw(at: At, y: float) -> str:
        parts = [
            svg.rectangle(at(start), y - HALF, at(end) - at(start), 2 * HALF, kind)
            for kind, start, end in blocks
        ]
        if peak:
            parts.append(svg.line(at(peak), y - HALF - 2, at(peak), y + HALF + 2, "peak"))
        return "".join(parts)

    return Row(
        place=place,
        name=use.target,
        draw=draw,
        values=(float(most),) if most else (),
        shown=size(most) if most else "not told",
    )


def _blocks(use: MemoryUse) -> Iterator[tuple[str, int, int]]:
    """Class, start and end of each block, one after the other."""
    held = use.engine
    parts = [("before", use.baseline_bytes)]
    if held is not None:
        parts += [
            ("block", held.weights_bytes),
            ("block kv", held.kv_bytes),
            ("block compute", held.compute_bytes),
        ]
    start = 0
    for kind, count in parts:
        if count:
            yield kind, start, start + count
            start += count
