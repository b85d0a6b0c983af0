"""What each target takes of each device: the engine's own split, and the most that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from crossbench.analysis.memory import MemoryUse
from crossbench.report.charts import svg
from crossbench.report.charts.rows import At, Panel, Row, charts
from crossbench.report.charts.svg import Chart
from crossbench.report.model import Report
from crossbench.report.words import size

LEGEND = (
    "Blocks, dark to light: weights, KV cache, compute buffers, as the engine splits its memory; "
    "grey before them: in use before it started. Line: the most that was read while it ran. "
    "Frame: the device's capacity, where what is used of it can be seen. Number: the most of all, "
    "also what an engine counts to no block."
)
UNSHOWN = ("memory", "swap", "worker's swap")
"""Rows of the whole machine, against which one model cannot be seen; of several runs the run's
label stands behind them."""
HALF = 6.0
LEAST_PART = 20
"""Beside a device this many times as large as what is used of it, nothing could be seen."""


def memory(report: Report) -> list[Chart]:
    """A panel for each device that anything is known of."""
    places = {target.name: place for place, target in enumerate(report.targets)}
    devices: dict[str, list[MemoryUse]] = {}
    for use in report.memory:
        if use.device.partition(", ")[0] not in UNSHOWN or use.engine is not None:
            devices.setdefault(use.device, []).append(use)
    panels = [
        Panel(
            name=_device(device, uses),
            rows=tuple(_row(places[use.target], use, _room(uses)) for use in uses),
        )
        for device, uses in devices.items()
    ]
    drawn = [
        chart
        for group in _visible(panels)
        for chart in charts("memory", "Memory", group, "B", LEGEND, zero=True)
    ]
    return [
        replace(chart, name=f"memory-{number}" if number > 1 else "memory")
        for number, chart in enumerate(drawn, 1)
    ]


def _visible(panels: Iterable[Panel]) -> list[list[Panel]]:
    """Panels that one scale suits; beside a far larger one nothing could be seen."""
    groups: list[tuple[float, list[Panel]]] = []
    for panel in panels:
        most = max((value for row in panel.rows for value in row.values), default=0.0)
        near = (own for far, own in groups if 1 / LEAST_PART <= most / far <= LEAST_PART)
        if most and (own := next(near, None)) is not None:
            own.append(panel)
        elif most:
            groups.append((most, [panel]))
    return [own for _, own in groups]


def _device(name: str, uses: list[MemoryUse]) -> str:
    capacity = next((use.capacity_bytes for use in uses if use.capacity_bytes), None)
    return f"{name}, {size(capacity)}" if capacity else name


def _room(uses: list[MemoryUse]) -> int:
    """The capacity of a device, or 0 where it is not drawn."""
    capacity = max(use.capacity_bytes or 0 for use in uses)
    return capacity if capacity <= LEAST_PART * max(map(_most, uses)) else 0


def _most(use: MemoryUse) -> int:
    told = use.engine.used_bytes if use.engine else None
    return max([use.peak_bytes or 0, told or 0, *(end for _, _, end in _blocks(use))])


def _row(place: int, use: MemoryUse, room: int) -> Row:
    blocks = list(_blocks(use))
    peak, most = use.peak_bytes, _most(use)

    def draw(at: At, y: float) -> str:
        parts = [
            svg.rectangle(at(start), y - HALF, at(end) - at(start), 2 * HALF, kind)
            for kind, start, end in blocks
        ]
        if room:
            parts.append(svg.rectangle(at(0), y - HALF, at(room) - at(0), 2 * HALF, "room"))
        if peak:
            parts.append(svg.line(at(peak), y - HALF - 2, at(peak), y + HALF + 2, "peak"))
        return "".join(parts)

    return Row(
        place=place,
        name=use.target,
        draw=draw,
        values=(float(max(most, room)),) if most else (),
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
