"""The tables of docs/peers.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.peers.run import Run
from benchmarks.peers.score import Errors, Score, excess

LOADS = (
    "client",
    "streams",
    "requests",
    "tokens/s",
    "TTFT bias, ms",
    "TTFT p99 error, ms",
    "TPOT bias, µs",
    "TPOT p99 error, µs",
)
APART = ("metric", "client", "requests", "bias", "mean error", "the first client's less this one's")
COSTS = (
    "client",
    "CPU s per 1,000 tokens",
    "CPU s of a start",
    "highest load within 5 %",
    "server's CPU s per 1,000 tokens",
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table, figures to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"


def load_rows(name: str, runs: Sequence[Run]) -> Iterator[list[str]]:
    """One client's loads."""
    for each in runs:
        ttft, tpot = each.score.ttft, each.score.tpot
        yield [
            name,
            str(each.load.streams),
            str(each.score.requests),
            f"{each.load.tokens_per_s:.0f}",
            f"{ttft.bias_ns / 1e6:+.2f} ({ttft.bias:+.2%})",
            f"{ttft.p99_ns / 1e6:.2f}",
            f"{tpot.bias_ns / 1e3:+.1f} ({tpot.bias:+.3%})",
            f"{tpot.p99_ns / 1e3:.1f}",
        ]


def apart_rows(scores: Mapping[str, Score]) -> Iterator[list[str]]:
    """Clients at one load, each beside the first, with 95 % intervals over requests; in µs."""
    first, *_ = scores.values()
    for name, of in scores.items():
        yield ["TTFT, µs", name, *_apart(first.ttft, of.ttft)]
    for name, of in scores.items():
        yield ["TPOT, µs", name, *_apart(first.tpot, of.tpot)]


def _apart(first: Errors, of: Errors) -> list[str]:
    less = excess(first, of)
    return [
        str(len(of.differences)),
        f"{of.bias_ns / 1e3:+.1f} ± {of.doubt_ns / 1e3:.1f}",
        f"{of.mean_ns / 1e3:.1f}",
        "" if of is first else f"{less.mean_ns / 1e3:+.1f} ± {less.doubt_ns / 1e3:.1f}",
    ]


def carried(runs: Sequence[Run], bearable: float, most: int) -> str:
    """The highest load, ascending, whose bias stays bearable."""
    borne = [each for each in runs if each.score.worst_bias <= bearable]
    if not borne:
        return "none"
    load = borne[-1].load
    told = f"{load.streams} streams, {load.tokens_per_s:.0f} tokens/s"
    return f"{told} or more" if load.streams == most else told
