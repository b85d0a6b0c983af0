"""Numbers and names as a reader sees them: significant digits, units, escaped text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crossbench.analysis.metric import Metric

TITLES = {
    "ttft_s": "TTFT",
    "prefill_tps": "prefill",
    "tpot_s": "TPOT",
    "decode_tps": "decode",
    "e2e_s": "end to end",
    "e2e_tps": "end to end rate",
    "tokens_per_chunk": "tokens per chunk",
    "chunk_gap_p50_s": "gap p50",
    "chunk_gap_p95_s": "gap p95",
    "chunk_gap_p99_s": "gap p99",
    "load_s": "load",
    "engine_load_s": "engine's part of it",
    "first_request_ratio": "first request",
}
UNITS = {"tokens/s": "tok/s", "x": "\u00d7", "tokens": ""}
_SPECIAL = re.compile(r"([\\`*\[\]<>|#~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""What markdown reads as more than itself; an underscore inside a word is only itself."""
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def plain(text: str) -> str:
    """Text from outside on one line, without control and direction characters."""
    return _INVISIBLE.sub(" ", text)


def escaped(text: str) -> str:
    """Text from outside as markdown that shows it literally, also inside a table."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def code(text: str) -> str:
    """Text from outside as an inline code span, also inside a table."""
    inside = plain(text).replace("|", "\\|")
    fence = "`"
    while fence in inside:
        fence += "`"
    pad = " " if inside.startswith("`") or inside.endswith("`") else ""
    return f"{fence}{pad}{inside}{pad}{fence}"


def number(value: float) -> str:
    """Four significant digits at most, thousands separated, never an exponent for usual sizes."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{float(digits):,.10f}".rstrip("0").rstrip(".") if "e" in digits else digits


def scaled(metric: Metric) -> tuple[float, str]:
    """Factor and unit in which a metric reads best."""
    if metric.unit == "s" and metric.value is not None:
        for limit, factor, unit in ((1e-3, 1e6, "\u00b5s"), (1.0, 1e3, "ms")):
            if metric.value < limit:
                return factor, unit
    return 1.0, UNITS.get(metric.unit, metric.unit)


def value(metric: Metric) -> str:
    """The value with its unit and the range it spans, or a dash."""
    if metric.value is None:
        return "\u2013"
    factor, unit = scaled(metric)
    text = f"{number(metric.value * factor)} {unit}".strip()
    if metric.low is not None and metric.high is not None and metric.low != metric.high:
        text += f" ({number(metric.low * factor)} to {number(metric.high * factor)})"
    return text


def size(count: int | None) -> str:
    """Bytes in binary units."""
    if count is None:
        return "\u2013"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{number(count / scale)} {unit}"
    return f"{count} B"


def lengths(counts: Sequence[int]) -> str:
    """Prompt lengths: one number, or the span of several."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def counted(count: int, noun: str) -> str:
    """`1 launch`, `2 launches`."""
    plural = noun + ("es" if noun.endswith(("ch", "s", "x")) else "s")
    return f"{count:,} {noun if count == 1 else plural}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 0) -> str:
    """A markdown table padded to read as plain text too; the last `numeric` columns align right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    first_right = len(header) - numeric

    def row(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if column >= first_right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * (width - 1) + ":" if column >= first_right else "-" * width
        for column, width in enumerate(widths)
    ]
    return "\n".join([row(header), row(rule), *(row(line) for line in rows)])
