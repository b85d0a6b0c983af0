"""When a cell asked more of the instrument than it carries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbench.analysis.instrument import UNKNOWN, Demand, exceeds, overloaded, usual
from crossbench.api import Boundary
from crossbench.instrument.model import Capacity, Figures
from crossbench.worker.protocol import Strain
from tests.analysis.loaded import MS, cell, closed, users

FIGURES = Figures(
    capacities=(
        Capacity(streams=64, chunks_per_s=40_000.0),
        Capacity(streams=4, chunks_per_s=60_000.0),
    )
)


def demand(
    streams: int = 8,
    chunks_per_s: float = 1_000.0,
    gap_s: float | None = 0.02,
    lag_p99_s: float | None = 0.0001,
) -> Demand:
    return Demand(streams=streams, chunks_per_s=chunks_per_s, gap_s=gap_s, lag_p99_s=lag_p99_s)


def test_what_is_carried_needs_no_word() -> None:
    assert exceeds(FIGURES, demand()) is None
    assert exceeds(FIGURES, demand(gap_s=None)) is None
    assert exceeds(None, demand(lag_p99_s=None, chunks_per_s=1e9)) is None
    assert exceeds(Figures(failure="no worker"), demand(chunks_per_s=1e9)) is None


def test_too_many_chunks_are_told_with_the_limit_that_holds_for_their_streams() -> None:
    told = exceeds(FIGURES, demand(streams=8, chunks_per_s=41_000))
    assert told is not None
    assert "41,000 chunks came a second" in told
    assert "with 64 streams the instrument carries 40,000 here at a bias of at most 5 %" in told
    assert exceeds(FIGURES, demand(streams=3, chunks_per_s=41_000)) is None
    assert exceeds(FIGURES, demand(streams=200, chunks_per_s=39_000)) is None
    assert exceeds(FIGURES, demand(streams=200, chunks_per_s=41_000)) is not None


def test_more_streams_than_were_ever_tried_are_told() -> None:
    assert exceeds(FIGURES, demand(streams=256)) is None
    told = exceeds(FIGURES, demand(streams=257))
    assert told is not None
    assert "257 requests were in flight at once" in told


def test_a_loop_that_is_late_is_told_even_where_the_run_measured_no_instrument() -> None:
    told = exceeds(None, demand(gap_s=0.02, lag_p99_s=0.011))
    assert told is not None
    assert "11 ms late" in told
    assert "20 ms from chunk to chunk" in told


def test_one_pass_that_the_machine_held_up_does_not_speak_for_the_others() -> None:
    passes = [demand(lag_p99_s=lag) for lag in (0.0001, 0.3, 0.0002)]
    assert usual(passes) == demand(lag_p99_s=0.0002)
    assert usual([demand(gap_s=None, lag_p99_s=None)]) == demand(gap_s=None, lag_p99_s=None)


amounts = st.floats(0.0, 1e6)


@given(st.integers(1, 300), amounts, amounts)
def test_more_load_never_fits_where_less_did_not(streams: int, rate: float, more: float) -> None:
    if exceeds(FIGURES, demand(streams=streams, chunks_per_s=rate)):
        assert exceeds(FIGURES, demand(streams=streams, chunks_per_s=rate + more))


@given(st.floats(1e-4, 0.1), st.floats(0, 0.1), st.floats(0, 0.1))
def test_a_later_loop_is_never_better(gap: float, lag: float, more: float) -> None:
    if exceeds(None, demand(gap_s=gap, lag_p99_s=lag)):
        assert exceeds(None, demand(gap_s=gap, lag_p99_s=lag + more))


@pytest.mark.parametrize("boundary", Boundary)
def test_an_engine_on_the_loops_own_thread_holds_it_up_by_its_own_steps(boundary: Boundary) -> None:
    """llama.cpp and MLX compute there, so a late loop is not the instrument's."""
    made = cell(users(2, 8), closed(2, [100.0] * 8))
    (taken,) = made.passes.values()
    assert taken.taken is not None
    late = Strain(
        wakes=9,
        lag_p50_ns=20 * MS,
        lag_p99_ns=24 * MS,
        lag_max_ns=24 * MS,
        span_ns=400 * MS,
        loop_ns=400 * MS,
        process_ns=400 * MS,
    )
    taken.taken = replace(taken.taken, strain=late)
    told = overloaded(None, [taken], boundary)
    if boundary is Boundary.LIBRARY:
        assert told is None
    else:
        assert told is not None
        assert told.startswith("its event loop came 24 ms late")


def test_what_was_found_in_process_is_no_limit_of_what_came_over_http() -> None:
    """Some 80 chunks a second, of which the instrument would carry one."""
    made = cell(users(2, 8), closed(2, [100.0] * 8))
    slow = Figures(capacities=(Capacity(streams=2, chunks_per_s=1.0),))
    plenty = Figures(capacities=(Capacity(streams=2, chunks_per_s=1e6),))
    for boundary in (Boundary.LIBRARY, Boundary.ASYNC_ENGINE):
        told = overloaded(slow, made.passes.values(), boundary)
        assert told is not None
        assert "with 2 streams the instrument carries 1 here" in told
        assert overloaded(plenty, made.passes.values(), boundary) is None
    for figures in (slow, plenty, None):
        told = overloaded(figures, made.passes.values(), Boundary.HTTP)
        assert told == UNKNOWN
        assert "not known for HTTP" in told
    assert overloaded(plenty, [], Boundary.HTTP) is None
