"""Percentiles of launches together are numpy's, however they are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics import pool as module
from crossbench.statistics.pool import Pool

FRACTIONS = (0.05, 0.25, 0.5, 0.9, 0.95, 0.99)
LAUNCHES = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(
        st.one_of(st.floats(0, 1e12, allow_nan=False), st.sampled_from([0.0, 1.0, 2.0])),
        max_size=30,
    ),
    min_size=1,
).filter(lambda launches: any(launches.values()))


def together(launches: dict[str, list[float]], fraction: float, without: str = "") -> float:
    values = [each for name, group in launches.items() if name != without for each in group]
    return float(np.quantile(values, fraction))


@pytest.mark.parametrize("merged", [0, 1 << 16])
@given(launches=LAUNCHES, fraction=st.sampled_from(FRACTIONS))
def test_it_is_numpys_to_the_last_bit(
    merged: int, launches: dict[str, list[float]], fraction: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_MERGED", merged)
        pool = Pool(launches)
        assert pool.together(fraction) == together(launches, fraction)
        for launch in pool.launches:
            assert pool.of(launch, fraction) == float(np.quantile(launches[launch], fraction))
            if len(pool.launches) > 1:
                assert pool.together(fraction, launch) == together(launches, fraction, launch)


def test_it_is_numpys_for_values_far_apart_too() -> None:
    rng = np.random.default_rng(0)
    for n in range(2, 400):
        values = rng.lognormal(-4, 6, n).tolist()
        for fraction in (0.5, 0.95, 0.99):
            assert Pool({"a": values}).together(fraction) == float(np.quantile(values, fraction))


def test_what_is_handed_over_stays_as_it_is() -> None:
    values = [3.0, 1.0, 2.0]
    pool = Pool({"a": values, "b": []})
    assert values == [3.0, 1.0, 2.0]
    assert (len(pool), pool.launches) == (3, ("a",))
    assert [pool.ranked(rank) for rank in range(3)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("odd", [-1.0, float("inf"), float("nan"), float("-inf")])
def test_what_is_no_duration_is_not_usable(odd: float) -> None:
    assert Pool({"a": [1.0], "b": [2.0]}).usable
    assert not Pool({"a": [1.0], "b": [2.0, odd, 3.0]}).usable
