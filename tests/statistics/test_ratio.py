"""Ratios: paired and unpaired, mirrored, and honest about what is missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.statistics.interval import Interval
from crossbench.statistics.ratio import Ratio, paired, unpaired
from crossbench.statistics.student import quantile
from tests.statistics.values import ANYTHING, BLOCKS, LAUNCHES, ODD, near


def inverse(interval: Interval) -> tuple[float, float]:
    return 1 / interval.high, 1 / interval.low


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def test_a_paired_ratio_is_students_over_block_differences() -> None:
    """Differences 1, 2, 3, 4 %: mean 2.5, sd 1.29099, standard error 0.645497."""
    found = paired(near(100, [1, 4, 4, 9]), near(50, [0, 2, 1, 5]))
    assert found.point == pytest.approx(2 * math.exp(0.025))
    reach = 3.182446 * 0.00645497
    assert ends(found.ci95) == pytest.approx(
        (2 * math.exp(0.025 - reach), 2 * math.exp(0.025 + reach)), rel=1e-6
    )
    reach = 2.353363 * 0.00645497
    assert ends(found.ci90)[1] == pytest.approx(2 * math.exp(0.025 + reach), rel=1e-6)
    assert (found.n, found.paired, found.dropped, found.reasons) == (4, True, 0, ())
    assert found.sd_log == pytest.approx(0.0129099, rel=1e-5)


def test_a_p_value_is_that_of_the_t_statistic() -> None:
    """t = 2.5 / 0.645497 = 3.87298 with 3 freedoms: p = 0.030466 (closed form for 3)."""
    found = paired(near(1, [1, 2, 3, 4]), near(1, [0, 0, 0, 0]))
    t = 3.872983
    share = math.atan(t / math.sqrt(3)) + t / math.sqrt(3) / (1 + t * t / 3)
    assert found.p == pytest.approx(1 - 2 / math.pi * share, rel=1e-5)


def test_what_a_block_shares_cancels() -> None:
    shared = [0, 30, -20, 11]
    mine = [each + own for each, own in zip(shared, [1, 2, 3, 4], strict=True)]
    calm, rough = (
        paired(near(1, [1, 2, 3, 4]), near(1, [0] * 4)),
        paired(near(1, mine), near(1, shared)),
    )
    assert ends(rough.ci95) == pytest.approx(ends(calm.ci95))


def test_an_unpaired_ratio_is_welchs() -> None:
    """Variances 1 and 8/3 over 3 and 4 launches: error 1 %, freedom 54/11."""
    a, b = [99, 100, 101], [98, 100, 102, 100]
    found = unpaired([math.exp(x / 100) for x in a], [math.exp(x / 100) for x in b])
    reach = quantile(0.95, 54 / 11) * 0.01
    assert ends(found.ci95) == pytest.approx((math.exp(-reach), math.exp(reach)), rel=1e-9)
    assert (found.n, found.paired) == (3, False)
    assert found.point == pytest.approx(1.0)


def test_blocks_that_one_side_lacks_are_left_out_and_told() -> None:
    a, b = near(100, [1, 4, 4, 9]), near(50, [0, 2, 1, 5])
    whole = paired(a, b)
    more = paired({**a, 7: 1.0}, {**b, 8: 1e6, 9: 3.0})
    assert more.ci95 == whole.ci95
    assert more.dropped == 3
    assert more.reasons == ("3 launches left out, as the other target has none in that block",)


@pytest.mark.parametrize("blocks", [1, 2])
def test_fewer_than_three_pairs_give_no_interval(blocks: int) -> None:
    found = paired(near(2, [0] * blocks), near(1, [1, 0][:blocks]))
    assert found.point is not None
    assert (found.ci95, found.ci90, found.p) == (None, None, None)
    assert "needs at least 3" in found.reasons[0]


@pytest.mark.parametrize(("a", "b"), [({}, {}), ({0: 1.0}, {}), ({0: 1.0}, {1: 1.0})])
def test_without_a_shared_block_there_is_no_ratio(a: dict[int, float], b: dict[int, float]) -> None:
    assert paired(a, b).point is None
    assert "no block holds a launch of both" in paired(a, b).reasons


@pytest.mark.parametrize("odd", ODD)
def test_a_value_without_a_logarithm_withholds_the_ratio(odd: float) -> None:
    good = near(1, [1, 2, 3])
    for found in (
        paired({**good, 1: odd}, good),
        paired(good, {**good, 1: odd}),
        unpaired([1.0, 1.1, odd], list(good.values())),
        unpaired([], list(good.values())),
    ):
        assert (found.point, found.ci95, found.ci90, found.p) == (None, None, None, None)
        assert found.reasons


def test_differences_that_agree_exactly_prove_nothing() -> None:
    found = paired(near(2, [1, 2, 3, 4]), near(1, [1, 2, 3, 4]))
    assert found.point == pytest.approx(2)
    assert (found.ci95, found.p) == (None, None)
    assert "how much they differ is not known" in found.reasons[0]


@given(BLOCKS, BLOCKS)
def test_b_against_a_mirrors_a_against_b(a: dict[int, float], b: dict[int, float]) -> None:
    mirrored(paired(a, b), paired(b, a))


@given(LAUNCHES, LAUNCHES)
def test_unpaired_ratios_mirror_too(a: list[float], b: list[float]) -> None:
    mirrored(unpaired(a, b), unpaired(b, a))


def mirrored(there: Ratio, back: Ratio) -> None:
    assert (there.point is None) == (back.point is None)
    assert (there.ci95 is None) == (back.ci95 is None)
    if there.point and back.point:
        assert back.point == pytest.approx(1 / there.point)
    if there.ci95 and back.ci95 and there.p:
        assert ends(back.ci95) == pytest.approx(inverse(there.ci95), rel=1e-6)
        assert back.p == pytest.approx(there.p)


@given(BLOCKS, BLOCKS, st.floats(1e-3, 1e3))
def test_a_unit_that_both_share_is_irrelevant(
    a: dict[int, float], b: dict[int, float], factor: float
) -> None:
    found = paired(a, b)
    scaled = paired({k: factor * v for k, v in a.items()}, {k: factor * v for k, v in b.items()})
    if found.ci95 and scaled.ci95 and found.sd_log and found.sd_log > 1e-9:
        assert ends(scaled.ci95) == pytest.approx(ends(found.ci95), rel=1e-6)


@given(BLOCKS, BLOCKS, st.permutations(range(10)))
def test_the_numbers_of_blocks_are_only_names(
    a: dict[int, float], b: dict[int, float], names: list[int]
) -> None:
    found = paired(a, b)
    renamed = paired({names[k]: v for k, v in a.items()}, {names[k]: v for k, v in b.items()})
    assert (found.n, found.dropped) == (renamed.n, renamed.dropped)
    if found.point is not None:
        assert renamed.point == pytest.approx(found.point)
        assert renamed.sd_log == pytest.approx(found.sd_log, abs=1e-12)


@given(BLOCKS, BLOCKS)
def test_only_shared_blocks_count(a: dict[int, float], b: dict[int, float]) -> None:
    shared = a.keys() & b.keys()
    found = paired(a, b)
    alone = paired({k: a[k] for k in shared}, {k: b[k] for k in shared})
    assert (found.point, found.ci95, found.p, found.n) == (
        alone.point,
        alone.ci95,
        alone.p,
        len(shared),
    )
    assert found.dropped == len(a.keys() ^ b.keys())


WILD = st.dictionaries(st.integers(0, 5), ANYTHING)


@given(WILD, WILD)
def test_whatever_comes_there_is_a_sound_ratio_or_a_reason(
    a: dict[int, float], b: dict[int, float]
) -> None:
    for found in (paired(a, b), unpaired(list(a.values()), list(b.values()))):
        if found.point is None or found.ci95 is None or found.ci90 is None or found.p is None:
            assert found.reasons
        else:
            low, high = ends(found.ci95)
            assert 0 < low <= ends(found.ci90)[0] <= found.point <= ends(found.ci90)[1] <= high
            assert high < math.inf
            assert 0 <= found.p <= 1
