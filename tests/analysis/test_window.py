"""Steady windows of passes whose times are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crossbench.analysis.passes import Pass
from crossbench.analysis.window import Window, in_flight, steady, tokens_in
from crossbench.journal.events import SampleTaken
from crossbench.suite.model import Load
from tests.analysis.loaded import MS, REFUSED, cell, closed, rate, request, users


def taken(load: Load, events: Sequence[SampleTaken]) -> Pass:
    (only,) = cell(load, events).passes.values()
    return only


def window(load: Load, events: Sequence[SampleTaken]) -> tuple[float, float] | None:
    found = steady(taken(load, events), load)
    return (found.begin_ns / MS, found.end_ns / MS) if found else None


STAGGERED = [100, 150, 100, 100, 100, 100, 100, 100]
"""Two users: one is answered at 100, 200, 300 and 400 ms, the other at 150, 250, 350 and 450."""


def test_a_single_user_is_steady_from_its_first_request_to_its_last_answer() -> None:
    assert window(users(1, 4), closed(1, [100, 50, 100, 50], start_ms=10)) == (10, 310)


def test_a_closed_loop_ends_when_the_first_user_has_no_next_request() -> None:
    load, events = users(2, 8), closed(2, STAGGERED)
    assert window(load, events) == (0, 400)


def test_tokens_count_by_when_they_came_also_of_requests_cut_by_the_end() -> None:
    load, events = users(2, 8), closed(2, STAGGERED)
    found = steady(taken(load, events), load)
    assert found is not None
    # Seven whole requests of four tokens; of the eighth, begun at 350, those at 375 and 400 ms.
    assert tokens_in(taken(load, events), found) == 7 * 4 + 2


def test_it_begins_once_the_last_user_is_served() -> None:
    late = [request(0, 0, 100), request(1, 30, 100), request(2, 100, 100), request(3, 130, 100)]
    more = [request(4 + n, 200 + 30 * (n % 2) + 100 * (n // 2), 100) for n in range(4)]
    assert window(users(2, 8), [*late, *more]) == (30, 400)


@pytest.mark.parametrize(("requests", "told"), [(7, True), (6, False)])
def test_it_needs_three_answers_of_each_stream(requests: int, told: bool) -> None:
    """Of seven requests of two users, six end while both are busy."""
    events = closed(2, STAGGERED[:requests])
    assert (window(users(2, requests), events) is not None) is told


def test_a_refused_request_frees_its_user_and_gives_no_token() -> None:
    load = users(2, 9)
    events = closed(2, STAGGERED)
    refused = request(8, 350, 0, failure=REFUSED)
    events[7:] = [refused, request(7, 350, 100)]
    assert window(load, events) == (0, 400)
    assert steady(taken(load, [request(n, 0, 0, failure=REFUSED) for n in range(9)]), load) is None


def test_replicas_are_steady_while_all_of_them_are() -> None:
    """A fast and a slow one, of one user each: the fast one has nothing left after 300 ms."""
    slow = closed(1, [70, 130, 100, 200], replica=1)
    assert window(users(2, 7), [*closed(1, [100] * 3, replica=0), *slow]) == (0, 300)
    assert window(users(2, 10), [*closed(1, [50] * 6, replica=0), *slow]) == (0, 300)
    assert window(users(2, 6), [*closed(1, [100] * 2, replica=0), *slow]) is None


def test_three_users_of_two_replicas_are_two_and_one() -> None:
    """The first replica is busy with two users from 20 ms on."""
    first = [request(n, 20 * (n % 2) + 100 * (n // 2), 100, replica=0) for n in range(10)]
    second = closed(1, [100] * 6, replica=1)
    assert window(users(3, 16), [*first, *second]) == (20, 500)


def test_an_open_loop_is_steady_from_its_first_answer_to_its_last_arrival() -> None:
    events = [request(n, 100 * n, 150) for n in range(8)]
    assert window(rate(10, 8), events) == (150, 700)


def test_requests_in_flight_are_counted_by_their_time() -> None:
    """150 ms each, 100 ms apart."""
    events = [request(n, 100 * n, 150) for n in range(20)]
    samples = taken(rate(10, 20), events).samples
    assert in_flight(samples, Window(200 * MS, 1200 * MS)) == pytest.approx(1.5)


def test_an_open_loop_that_piles_up_has_no_steady_window() -> None:
    """Arrivals faster than answers: most of them are still in flight when the last one arrives."""
    events = [request(n, 10 * n, 400) for n in range(50)]
    assert window(rate(100, 50), events) is None


def test_a_token_at_the_very_end_is_inside_and_one_at_the_beginning_is_not() -> None:
    edge = Window(100, 200)
    assert [edge.holds(at) for at in (100, 101, 200, 201)] == [False, True, True, False]
