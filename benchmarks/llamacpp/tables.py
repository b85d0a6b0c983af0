"""The measured repetitions as markdown: what each contestant took, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.llamacpp import paired
from benchmarks.llamacpp.contestants import Shape, Turn
from benchmarks.llamacpp.paired import Interval

CROSSBENCH = "crossbench"
LOOP = "C loop, greedy"
BARE = "C loop, not sampling"
INSIDE = "C loop, greedy, inside Python"
LLAMA_BENCH = "llama-bench"
PAIRS = (
    (CROSSBENCH, LOOP),
    (CROSSBENCH, INSIDE),
    (INSIDE, LOOP),
    (CROSSBENCH, BARE),
    (LLAMA_BENCH, BARE),
    (CROSSBENCH, LLAMA_BENCH),
)


class Medians(NamedTuple):
    """One contestant in one repetition."""

    prefill_s: float
    token_s: float

    @staticmethod
    def of(turns: Sequence[Turn], output: int) -> Medians:
        """Medians over its turns."""
        return Medians(
            median(turn.prefill_ns for turn in turns) / 1e9,
            median(turn.decode_ns for turn in turns) / 1e9 / (output - 1),
        )


Repetitions = Sequence[Mapping[str, Medians]]


def line(medians: Mapping[str, Medians]) -> str:
    """One repetition, for whoever watches."""
    return "; ".join(
        f"{name} {each.prefill_s * 1e3:.2f} ms, {each.token_s * 1e6:.1f} us a token"
        for name, each in medians.items()
    )


def markdown(measured: Repetitions, shape: Shape) -> str:
    """Two tables: each contestant, and each pair."""
    names = [name for name in (CROSSBENCH, LOOP, INSIDE, BARE, LLAMA_BENCH) if name in measured[0]]
    pairs = [pair for pair in PAIRS if set(pair) <= set(names)]
    return "\n".join(
        [
            "| | prefill, ms | prompt tok/s | a token, ms | output tok/s |",
            "| --- | --- | --- | --- | --- |",
            *(_contestant(name, measured, shape) for name in names),
            "",
            "| | prefill | decode | prefill adds, us | a token adds, us |",
            "| --- | --- | --- | --- | --- |",
            *(_pair(above, below, measured) for above, below in pairs),
        ]
    )


def _contestant(name: str, measured: Repetitions, shape: Shape) -> str:
    prefill = paired.mean([each[name].prefill_s for each in measured])
    token = paired.mean([each[name].token_s for each in measured])
    return (
        f"| {name} | {_scaled(prefill, 1e3, 3)} | {shape.prompt / prefill.point:.1f} "
        f"| {_scaled(token, 1e3, 4)} | {1 / token.point:.2f} |"
    )


def _pair(above: str, below: str, measured: Repetitions) -> str:
    ones, others = ([each[name] for each in measured] for name in (above, below))
    cells = [f"{above} / {below}"]
    added = []
    for column in (0, 1):
        left, right = [each[column] for each in ones], [each[column] for each in others]
        cells.append(_scaled(paired.ratio(left, right), 1, 4))
        added.append(_scaled(paired.difference(left, right), 1e6, 1))
    return "| " + " | ".join([*cells, *added]) + " |"


def _scaled(value: Interval, by: float, digits: int) -> str:
    point, low, high = (f"{by * part:.{digits}f}" for part in value)
    return f"{point} [{low}, {high}]"
