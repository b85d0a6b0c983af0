"""Sentinels against the same cell's first measurement, from stamps set by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crossbench.analysis.cell import Cell
from crossbench.analysis.drift import Drift, drift
from crossbench.analysis.sample import judged
from tests.analysis.test_definitions import sample


def stream(scale: float) -> list[float]:
    return [scale * (100 + 10 * i) for i in range(21)]


def cell(first: Sequence[float], again: Sequence[float], *, worker: str = "b{}") -> Cell:
    """Launch by launch the scale of its time before, and at its end by `worker`."""
    made = Cell()
    for number, scale in enumerate(first):
        made.take(number + 1, sample(stream(scale), launch=f"b{number}"), f"b{number}")
    for number, scale in enumerate(again):
        taken = sample(stream(scale), launch=worker.format(number))
        made.sentinels.append(judged(99, taken, f"b{number}"))
    return made


def judgement(made: Cell) -> Drift:
    found = drift("s", made)
    assert found is not None
    return found


LEVELS = [1.0, 1.01, 0.99, 1.005]


def test_what_slows_within_every_launch_is_flagged() -> None:
    found = judgement(
        cell(
            LEVELS,
            [
                1.05 * each + wobble
                for each, wobble in zip(LEVELS, [0, 0.002, -0.002, 0.001], strict=True)
            ],
        )
    )
    assert found.flagged
    assert found.launches["b0"] == pytest.approx(1.05)
    assert "1.05" in found.reason


def test_what_differs_no_more_than_launches_do_is_not() -> None:
    found = judgement(cell(LEVELS, [1.004 * each for each in reversed(LEVELS)]))
    assert found.flagged is False
    assert set(found.launches) == {"b0", "b1", "b2", "b3"}


def test_a_drift_below_the_spread_between_launches_is_not() -> None:
    spread = [1.0, 1.2, 0.85, 1.1]
    found = judgement(cell(spread, [1.03 * each for each in spread]))
    assert found.flagged is False


def test_too_few_launches_judge_nothing() -> None:
    found = judgement(cell(LEVELS[:2], [1.5, 1.5]))
    assert found.flagged is None
    assert "2 launches have both" in found.reason


def test_another_worker_has_nothing_to_compare_with() -> None:
    found = judgement(cell(LEVELS, [1.5] * 4, worker="b{}@2"))
    assert (found.flagged, found.launches) == (None, {})


def test_without_a_sentinel_there_is_no_drift_to_tell() -> None:
    assert drift("s", cell(LEVELS, [])) is None
