"""Arrivals of an open loop: the same for the same seed, at the rate, and as random as they say."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from statistics import fmean

import pytest

from crossbench.plan.arrivals import arrivals
from crossbench.suite.model import Load

POISSON = Load(of="s", rate=4.0, requests=200)


def drawn(seed: int = 0, scenario: str = "s-r4.0", launch: int = 0, pass_: int = 0) -> list[int]:
    return list(arrivals(POISSON, seed, scenario, launch, pass_))


def test_a_closed_loop_has_none() -> None:
    assert arrivals(Load(of="s", concurrency=4, requests=16), 0, "s-c4", 0, 0) == ()


def test_a_constant_rate_is_even() -> None:
    even = Load(of="s", rate=2.0, arrivals="constant", requests=8)
    assert arrivals(even, 5, "s", 1, 2) == tuple(range(0, 4_000_000_000, 500_000_000))


def test_the_same_place_has_the_same_arrivals_in_every_process() -> None:
    code = "from tests.plan.test_arrivals import drawn\nprint(drawn(seed=7, launch=2, pass_=-1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(drawn(seed=7, launch=2, pass_=-1))


def test_seed_scenario_launch_and_pass_each_draw_anew() -> None:
    others = [drawn(seed=1), drawn(scenario="t"), drawn(launch=1), drawn(pass_=1), drawn(pass_=-1)]
    assert len({tuple(each) for each in (drawn(), *others)}) == 6


def test_a_poisson_pass_ascends_and_fills_its_time() -> None:
    due = drawn()
    assert len(due) == 200
    assert due == sorted(due)
    assert due[0] >= 0
    assert due[-1] < 200 / 4.0 * 1e9
    assert due[-1] - due[0] > 0.9 * 200 / 4.0 * 1e9


def test_its_gaps_are_exponential() -> None:
    """Mean 1 / rate, a standard deviation as large, and e^-1 of them longer than the mean."""
    gaps = [
        (after - before) / 1e9
        for pass_ in range(40)
        for before, after in pairwise(drawn(pass_=pass_))
    ]
    mean = fmean(gaps)
    assert mean == pytest.approx(0.25, rel=0.01)
    assert fmean((gap - mean) ** 2 for gap in gaps) ** 0.5 == pytest.approx(mean, rel=0.03)
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.3679, abs=0.01)
