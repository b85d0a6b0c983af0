"""What each target takes of each device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crossbench.analysis.memory import ENGINE_ONLY, MemoryUse
from crossbench.report.model import Report
from crossbench.report.words import escaped, number, size, table


def memory(report: Report) -> Iterator[str]:
    """The section, where anything was read or told."""
    read = [use for use in report.memory if _is_read(use)]
    lines = [*_missing(report.memory), *_allocators(report)]
    if not read and not lines:
        return
    yield "## Memory"
    if read:
        yield (
            "In use on each device just before a target's worker started, once its model was "
            "loaded, and at most while it ran, as probes read it; what came and went between two "
            "readings is not seen. The engine's own split stands under Targets."
        )
        rows = [
            [
                escaped(use.target),
                escaped(use.device),
                size(use.baseline_bytes),
                size(use.loaded_bytes),
                _peak(use),
                size(use.capacity_bytes),
            ]
            for use in read
        ]
        header = ["target", "device", "before", "loaded", "peak", "of"]
        yield table(header, rows, numeric=4)
    if lines:
        yield "\n".join(lines)


def _is_read(use: MemoryUse) -> bool:
    return any(
        value is not None for value in (use.baseline_bytes, use.loaded_bytes, use.peak_bytes)
    )


def _peak(use: MemoryUse) -> str:
    if use.capacity_bytes and use.peak_bytes is not None:
        return f"{size(use.peak_bytes)} ({number(100 * use.peak_bytes / use.capacity_bytes)} %)"
    return size(use.peak_bytes)


def _missing(uses: Iterable[MemoryUse]) -> Iterator[str]:
    """Why numbers are missing, each reason once; what only an engine tells of misses none."""
    told: dict[str, dict[str, None]] = {}
    for use in uses:
        for reason in use.reasons:
            if reason == ENGINE_ONLY:
                continue
            told.setdefault(reason, {})[f"{use.target} on {use.device}"] = None
    for reason, whose in told.items():
        yield f"- {escaped(', '.join(whose))}: {escaped(reason)}."


def _allocators(report: Report) -> Iterator[str]:
    """What engines with an allocator of their own tell of it, as those of unified memory do."""
    for use in report.memory:
        held = use.engine
        if held is None or held.peak_bytes is None:
            continue
        active = None if held.used_bytes is None else held.used_bytes - (held.cache_bytes or 0)
        yield (
            f"- {escaped(use.target)} on {escaped(use.device)}, by its own allocator: "
            f"{size(active)} in use, {size(held.cache_bytes)} kept for use again, at most "
            f"{size(held.peak_bytes)} in use at once."
        )
