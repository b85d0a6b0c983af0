"""The measured repetitions as markdown: what each contestant took, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks import paired
from benchmarks.contestants import Task, Turn
from benchmarks.paired import Interval

CROSSBENCH = "crossbench"
SLOW_TOKEN_S = 0.005
DECODE_INTERVAL = (0.98, 1.02)


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
Pair = tuple[str, str]


def ratio(measured: Repetitions, pair: Pair, column: int) -> Interval:
    """How many times as long the first of a pair takes; column 0 is prefill, 1 a token."""
    above, below = ([each[who][column] for each in measured] for who in pair)
    return paired.ratio(above, below)


def added_s(measured: Repetitions, pair: Pair, column: int) -> Interval:
    """Seconds that the first of a pair takes more."""
    above, below = ([each[who][column] for each in measured] for who in pair)
    return paired.difference(above, below)


def line(medians: Mapping[str, Medians]) -> str:
    """One repetition, for whoever watches."""
    return "; ".join(
        f"{name} {each.prefill_s * 1e3:.2f} ms, {each.token_s * 1e6:.1f} us a token"
        for name, each in medians.items()
    )


def markdown(measured: Repetitions, task: Task, pairs: Sequence[Pair]) -> str:
    """Two tables: each contestant, and each pair."""
    return "\n".join(
        [
            "| | prefill, ms | prompt tok/s | a token, ms | output tok/s |",
            "| --- | --- | --- | --- | --- |",
            *(_contestant(name, measured, task) for name in measured[0]),
            "",
            "| | prefill | decode | prefill adds, us | a token adds, us |",
            "| --- | --- | --- | --- | --- |",
            *(_pair(pair, measured) for pair in pairs if set(pair) <= set(measured[0])),
        ]
    )


def _contestant(name: str, measured: Repetitions, task: Task) -> str:
    prefill = paired.mean([each[name].prefill_s for each in measured])
    token = paired.mean([each[name].token_s for each in measured])
    return (
        f"| {name} | {scaled(prefill, 1e3, 3)} | {task.prompt / prefill.point:.1f} "
        f"| {scaled(token, 1e3, 4)} | {1 / token.point:.2f} |"
    )


def _pair(pair: Pair, measured: Repetitions) -> str:
    cells = [
        " / ".join(pair),
        *(scaled(ratio(measured, pair, column), 1, 4) for column in (0, 1)),
        *(scaled(added_s(measured, pair, column), 1e6, 1) for column in (0, 1)),
    ]
    return "| " + " | ".join(cells) + " |"


def scaled(value: Interval, by: float, digits: int) -> str:
    """A mean with its interval, in another unit."""
    point, low, high = (f"{by * part:.{digits}f}" for part in value)
    return f"{point} [{low}, {high}]"


def verdict(met: bool, text: str) -> str:
    """A line that says whether a target is met."""
    return f"- {'met' if met else 'MISSED'}: {text}"


def slow_enough(measured: Repetitions, who: str) -> str:
    """Whether the model is slow enough for its ratios to mean something."""
    token_s = paired.mean([each[who].token_s for each in measured]).point
    told = f"a token takes {token_s * 1e3:.2f} ms, at least {SLOW_TOKEN_S * 1e3:g} ms"
    return verdict(token_s >= SLOW_TOKEN_S, told)


def decode_verdict(measured: Repetitions, rival: str) -> str:
    """Whether crossbench decodes within 2 % of the engine's own."""
    found = ratio(measured, (CROSSBENCH, rival), 1)
    low, high = DECODE_INTERVAL
    return verdict(
        found.within(low, high),
        f"decode takes {scaled(found, 1, 4)} of the time of {rival}, "
        f"interval inside {low} to {high}",
    )
