"""Numbers and names as a reader sees them: significant digits, units, escaped text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from crossbench.analysis.metric import Metric
from crossbench.statistics.logmean import Interval

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
    "throughput_tps": "throughput",
    "throughput_whole_tps": "throughput, start and end included",
    "requests_per_s": "requests answered",
    "goodput_rps": "goodput",
    "slo_attainment": "SLO met",
    "ttft_p50_s": "TTFT p50",
    "ttft_p95_s": "TTFT p95",
    "ttft_p99_s": "TTFT p99",
    "tpot_p50_s": "TPOT p50",
    "tpot_p95_s": "TPOT p95",
    "tpot_p99_s": "TPOT p99",
    "e2e_p50_s": "end to end p50",
    "e2e_p95_s": "end to end p95",
    "e2e_p99_s": "end to end p99",
    "delay_p50_s": "delay p50",
    "delay_p99_s": "delay p99",
    "load_s": "load",
    "engine_load_s": "engine's part of it",
    "first_request_ratio": "first request",
}
UNITS = {
    "tokens/s": "tok/s",
    "x": "\u00d7",
    "tokens": "",
    "requests/s": "requests/s",
    "%": "%",
}
_SPECIAL = re.compile(r"([\\`*\[\]<>|#~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.)")
"""What markdown, or a Git host, reads as more than itself: an underscore inside a word is only
itself, and an address becomes a link."""
_CALLED = re.compile(r"@(?=\w)")
UNLINKED = "@<!-- -->"
"""An at sign after which a Git host sees no name to notify and no address to write to."""
FILLERS = r"\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks without a shape."""
HIDDEN = (
    r"\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ue000-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    rf"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff{FILLERS}"
)
"""Characters that nobody sees, beyond ASCII's, for a class of a regular expression: Unicode's
control, format, private and separating ones, and fillers."""
_INVISIBLE = re.compile(rf"[\x00-\x1f{HIDDEN}]")
_FILLER = re.compile(f"[{FILLERS}]")


_MARKER = re.compile(r"^(\d{0,9})([-+.)])(?=\s|$)")
"""What would begin a list."""


def plain(text: str) -> str:
    """Text from outside on one line, its control and direction characters shown as escapes."""
    if text.isprintable() and (text.isascii() or not _FILLER.search(text)):
        return text
    return _INVISIBLE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    if found[0] in "\t\n\r\v\f":
        return " "
    code = ord(found[0])
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@lru_cache(maxsize=4096)
def escaped(text: str) -> str:
    """Text from outside as markdown that shows it literally, also inside a table."""
    literal = _MARKER.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(text).lstrip()))
    return _CALLED.sub(UNLINKED, literal) if "@" in literal else literal


def code(text: str) -> str:
    """Text from outside as an inline code span; in a table it must pass `cell`."""
    inside = plain(text)
    fence = "`"
    while fence in inside:
        fence += "`"
    pad = " " if inside.startswith("`") or inside.endswith("`") else ""
    return f"{fence}{pad}{inside}{pad}{fence}"


def cell(markdown: str) -> str:
    """What a table may hold: it reads a pipe as its own, even within a code span."""
    return markdown.replace("|", "\\|")


def number(value: float) -> str:
    """Four significant digits at most, thousands separated, never an exponent for usual sizes."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{float(digits):,.10f}".rstrip("0").rstrip(".") if "e" in digits else digits


def scaled(amount: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which an amount reads best."""
    if unit == "s":
        for limit, factor, smaller in ((1e-3, 1e6, "\u00b5s"), (1.0, 1e3, "ms")):
            if amount < limit:
                return factor, smaller
    return 1.0, UNITS.get(unit, unit)


def quantity(amount: float | None, unit: str) -> str:
    """An amount with its unit, or a dash."""
    if amount is None:
        return "\u2013"
    factor, shown = scaled(amount, unit)
    return f"{number(amount * factor)} {shown}".strip()


def value(metric: Metric) -> str:
    """The value with its unit and [its 95 % interval] or else (the range it spans), or a dash."""
    text, beside = quantity(metric.value, metric.unit), spread(metric)
    return f"{text} {beside}" if beside else text


def spread(metric: Metric) -> str:
    """[The 95 % interval] of a value or else (the range it spans), in the unit that it is told in;
    empty where it has neither."""
    if metric.value is None:
        return ""
    factor, _ = scaled(metric.value, metric.unit)
    if metric.ci95 is not None:
        return interval(metric.ci95, factor)
    if metric.low is not None and metric.high is not None and metric.low != metric.high:
        return f"({number(metric.low * factor)} to {number(metric.high * factor)})"
    return ""


def interval(found: Interval, factor: float = 1.0) -> str:
    """`[low, high]`."""
    return f"[{number(found.low * factor)}, {number(found.high * factor)}]"


def multiple(ratio: float) -> str:
    """A ratio to a tenth of a percent."""
    return f"{ratio:.3f}" if 0.1 <= ratio < 10 else number(ratio)


def span(found: Interval) -> str:
    """The interval of a ratio."""
    return f"[{multiple(found.low)}, {multiple(found.high)}]"


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


def shortened(text: str, letters: int) -> str:
    """At most so many letters, with an ellipsis where there were more."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "\u2026"


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
