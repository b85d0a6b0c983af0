"""Which levels meet an SLO, and up to which: by the interval of their share of requests."""

from __future__ import annotations

import pytest

from crossbench.analysis.metric import Metric
from crossbench.report import slo
from crossbench.report.load_model import LevelReport
from crossbench.statistics.logmean import Interval


def share(value: float, low: float, high: float) -> Metric:
    return Metric(
        name="slo_attainment",
        unit="%",
        kind="derived",
        value=value,
        valid=True,
        n=4,
        launches={},
        ci95=Interval(low, high, 0.95),
        low=low,
        high=high,
    )


SURE, MISSED = share(100, 96, 100), share(50, 40, 60)
LIKELY, UNLIKELY = share(98, 93, 100), share(93.8, 82.8, 98.7)


@pytest.mark.parametrize(
    ("given", "failure", "left_out", "met"),
    [
        (SURE, None, 0, True),
        (share(97, 95, 99), None, 0, True),
        (LIKELY, None, 0, None),
        (UNLIKELY, None, 0, None),
        (MISSED, None, 0, False),
        (share(94, 90, 94.9), None, 0, False),
        (None, None, 0, None),
        (SURE, "out of memory", 0, False),
        (None, "out of memory", 0, False),
        (SURE, None, 1, None),
        (MISSED, None, 1, False),
    ],
)
def test_a_level_meets_it_with_its_whole_interval_and_without_a_failure(
    given: Metric | None, failure: str | None, left_out: int, met: bool | None
) -> None:
    assert slo.met(given, failure=failure, left_out=left_out) is met


def told(*given: Metric | str) -> tuple[float | None, str]:
    """Highest level and verdict of levels 1, 2, 3 ... with these shares, or failures."""
    shares = {
        f"s{users}": None if isinstance(each, str) else each for users, each in enumerate(given, 1)
    }
    failures = [each if isinstance(each, str) else None for each in given]
    levels = [
        LevelReport(
            scenario=name,
            level=users,
            words=f"{users} users",
            launches=4,
            requests=80,
            failed=0,
            failure=failure,
            met=slo.met(shares[name], failure=failure, left_out=0),
        )
        for (users, failure), name in zip(enumerate(failures, 1), shares, strict=True)
    ]
    best = slo.highest(levels, shares)
    return best.level if best else None, slo.verdict(levels, shares)


@pytest.mark.parametrize(
    ("given", "highest"),
    [
        ((SURE, SURE), 2),
        ((SURE, MISSED, SURE), 1),
        ((SURE, "it broke", SURE), 1),
        ((LIKELY, SURE), 2),
        ((UNLIKELY, SURE), None),
        ((SURE, LIKELY, LIKELY), 1),
        ((MISSED, SURE), None),
        ((), None),
    ],
)
def test_the_search_ends_where_something_speaks_against_it(
    given: tuple[Metric | str, ...], highest: float | None
) -> None:
    assert told(*given)[0] == highest


def test_a_verdict_names_what_is_open_and_what_ended_the_search() -> None:
    assert told()[1] == "no level was measured"
    assert told(SURE, SURE)[1] == "every level measured meets the SLO, up to 2 users"
    assert told(LIKELY, SURE, "it broke", SURE)[1] == (
        "the highest level that meets the SLO is 2 users; "
        "at 1 users it is open: 98 % of requests do (95 % interval: 93 to 100 %); "
        "at 3 users it failed: it broke"
    )
    assert told(UNLIKELY, MISSED)[1] == (
        "no level is known to meet the SLO; "
        "at 1 users it is open: 93.8 % of requests do (95 % interval: 82.8 to 98.7 %)"
    )
