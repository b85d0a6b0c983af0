"""Which scripts are tried, and what limit they show: on instruments that are made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crossbench.instrument.model import BIAS, Script, Trial
from crossbench.instrument.scripts import (
    LEAST_CHUNKS,
    MOST_CHUNKS,
    SINGLE,
    flood,
    grid,
    measure,
    script,
)
from crossbench.instrument.sitting import SHARES, capacity, short
from tests.instrument.played import trial


def carrying(most: float, biased_from: float) -> Callable[[Script], Trial]:
    """An instrument through which so many chunks go, and which is biased from a rate on."""

    def tried(script: Script) -> Trial:
        came = min(script.tokens_per_s, most)
        bias = 2 * BIAS if script.tokens_per_s > biased_from else 0.0
        return trial(script, bias=bias, came=came)

    return tried


def test_the_grid_spans_streams_chunks_and_times() -> None:
    every = list(grid())
    assert {each.streams for each in every} >= {1, 256}
    assert {each.tokens_per_chunk for each in every} >= {1, 8}
    assert {each.tpot_s for each in every} >= {0.0001, 0.05}


def test_the_grid_takes_less_than_a_minute_where_the_instrument_keeps_up() -> None:
    assert sum(each.ttft_s + each.chunks * each.gap_s for each in grid()) < 50


@given(st.integers(1, 256), st.floats(1e-7, 0.05), st.integers(1, 8))
def test_a_script_is_bounded(streams: int, tpot_s: float, tokens: int) -> None:
    found = script(streams, tpot_s, 0.8, tokens_per_chunk=tokens)
    assert found.chunks >= LEAST_CHUNKS
    assert found.chunks * streams <= max(MOST_CHUNKS, LEAST_CHUNKS * streams)
    assert found.chunks * found.gap_s <= max(0.8 * 1.2, LEAST_CHUNKS * found.gap_s) + found.gap_s


@given(st.floats(1_000, 1e6), st.floats(0.31, 2.0), st.sampled_from([1, 16, 256]))
def test_the_limit_is_the_highest_share_without_bias(
    most: float, limit: float, streams: int
) -> None:
    assume(all(abs(share - limit) > 0.01 for share in SHARES))  # a script's gap is rounded
    found = capacity(carrying(most, biased_from=most * limit), streams)
    shares = [share for share in SHARES if share <= limit]
    assert found.streams == streams
    assert found.chunks_per_s == pytest.approx(most * max(shares), rel=0.01)


def test_an_instrument_that_is_always_biased_carries_nothing() -> None:
    assert capacity(carrying(50_000, biased_from=0), 16).chunks_per_s == 0


def test_a_short_sitting_is_short() -> None:
    asked: list[Script] = []

    def noting(each: Script) -> Trial:
        asked.append(each)
        return carrying(50_000, 60_000)(each)

    figures = short(noting, [64])
    assert [each.script.streams for each in figures.trials] == [64]
    assert [each.streams for each in figures.capacities] == [64]
    lasting = [each for each in asked if each != flood(64)]
    assert sum(each.ttft_s + each.chunks * each.gap_s for each in lasting) < 1.0


def test_what_every_run_adds_is_half_a_second() -> None:
    assert SINGLE.repeats * (SINGLE.ttft_s + SINGLE.chunks * SINGLE.gap_s) <= 0.5
    asked = measure(SINGLE)
    assert len(asked.requests) == SINGLE.repeats
    assert (asked.streams, asked.arrivals_ns) == (1, ()), "as a run without load asks for them"
