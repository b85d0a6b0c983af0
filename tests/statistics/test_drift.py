"""Drift: a line through a run is found, told and taken out, and noise is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.drift import levelled, line
from crossbench.statistics.ratio import paired
from tests.statistics.values import ANYTHING

PLACES = {"a": {0: 0.0, 1: 3.0, 2: 4.0, 3: 7.0}, "b": {0: 1.0, 1: 2.0, 2: 5.0, 3: 6.0}}
NOISE = {"a": [0.02, -0.05, 0.03, 0.01], "b": [-0.03, 0.04, -0.02, 0.01]}


def run(slope: float, factor: float = 2.0) -> dict[str, dict[int, float]]:
    """Two targets, b at `factor` times a, changing by so many per cent from launch to launch."""
    return {
        target: {
            block: level * math.exp((slope * PLACES[target][block] + NOISE[target][block]) / 100)
            for block in range(4)
        }
        for target, level in (("a", 10.0), ("b", 10.0 * factor))
    }


def test_a_steady_drift_is_told_and_taken_out() -> None:
    level, drift = levelled(run(-0.5), PLACES)
    assert drift is not None
    assert drift.slope == pytest.approx(-0.005, rel=0.05)
    assert drift.change == pytest.approx(math.exp(-0.035), rel=0.005)
    assert drift.middle == 3.5
    still = run(0)
    for target, blocks in level.items():
        assert list(blocks.values()) == pytest.approx(
            [value * math.exp(-0.0175) for value in still[target].values()], rel=0.001
        )


def test_the_ratio_of_a_drifting_run_is_that_of_a_still_one() -> None:
    level, _ = levelled(run(-0.5), PLACES)
    drifting, still = paired(level["b"], level["a"]), paired(run(0)["b"], run(0)["a"])
    plain = paired(run(-0.5)["b"], run(-0.5)["a"])
    assert drifting.point == pytest.approx(still.point, rel=1e-4)
    assert drifting.sd_log == pytest.approx(still.sd_log, rel=0.2)
    assert plain.sd_log
    assert still.sd_log
    assert plain.sd_log > 5 * still.sd_log


def test_a_missing_launch_leaves_no_drift_in_the_ratio() -> None:
    values = {"a": run(-0.5)["a"], "b": {k: v for k, v in run(-0.5)["b"].items() if k != 3}}
    level, _ = levelled(values, PLACES)
    assert paired(level["b"], level["a"]).point == pytest.approx(2, rel=0.001)
    assert paired(values["b"], values["a"]).point != pytest.approx(2, rel=0.001)


def test_how_certain_a_line_is_agrees_with_a_fit_by_hand() -> None:
    """One target's 1, 2, 4 and 5 % at places 0 to 3: a slope of 1.4 %, with 2 freedoms."""
    places = {"a": {block: float(block) for block in range(4)}}
    logs = np.array([1.0, 2.0, 4.0, 5.0]) / 100
    found = line({"a": dict(enumerate(np.exp(logs).tolist()))}, places)
    assert found is not None
    assert found.slope == pytest.approx(0.014)
    left = logs - logs.mean() - 0.014 * (np.arange(4) - 1.5)
    t = 0.014 / math.sqrt(float((left**2).sum()) / 2 / 5)
    assert found.p == pytest.approx(1 - t / math.sqrt(2 + t * t))


def test_the_freedom_that_a_line_costs_is_shared() -> None:
    drift = line(run(-0.5), PLACES)
    assert drift is not None
    assert drift.spent == pytest.approx({"a": 25 / 42, "b": 17 / 42})


def test_noise_is_left_as_it_is() -> None:
    """Of 1000 runs without drift about 5 % are thought to have one; five standard errors."""
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(1000):
        values = {t: dict(enumerate(np.exp(rng.normal(0, 0.01, 4)).tolist())) for t in PLACES}
        level, drift = levelled(values, PLACES)
        found += drift is not None
        assert drift is not None or level == values
    assert found / 1000 == pytest.approx(0.05, abs=5 * math.sqrt(0.05 * 0.95 / 1000))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": {}},
        {"a": {0: 1.0, 1: 2.0}},
        {"a": {0: 1.0}, "b": {0: 1.0}},
        {"a": {0: 1.0, 1: 0.0, 2: 3.0}, "b": {0: 1.0}},
    ],
)
def test_what_no_line_fits_through_is_returned_as_it_is(
    values: dict[str, dict[int, float]],
) -> None:
    assert levelled(values, PLACES) == (values, None)


def test_a_target_with_an_unusable_value_is_not_part_of_the_line() -> None:
    values = {**run(-0.5), "c": {0: 1.0, 1: math.nan}}
    drift = line(values, {**PLACES, "c": PLACES["a"]})
    assert drift == line(run(-0.5), PLACES)


def test_launches_that_lie_on_a_line_exactly_are_levelled() -> None:
    values = {"a": {block: math.exp(place / 100) for block, place in PLACES["a"].items()}}
    level, _ = levelled(values, PLACES)
    assert list(level["a"].values()) == pytest.approx([math.exp(0.035)] * 4)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b"]), st.dictionaries(st.integers(0, 3), ANYTHING), max_size=2
    )
)
def test_whatever_comes_it_is_levelled_or_left(values: dict[str, dict[int, float]]) -> None:
    level, _ = levelled(values, PLACES)
    assert {target: set(blocks) for target, blocks in level.items()} == {
        target: set(blocks) for target, blocks in values.items()
    }
