"""Which tokens go into each call: one of each request that generates, then prompts as they fit."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossbench.api import RequestError
from crossbench_llamacpp.scheduler import Scheduler

if TYPE_CHECKING:
    from crossbench_llamacpp.batch import Batch

VOCABULARY = 3


class Fed(NamedTuple):
    """A token as it stands in a batch."""

    seat: int
    position: int
    token: int
    wanted: bool


class Paper:
    """A batch and what computes it, on paper."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.raw = SimpleNamespace(n_tokens=0)
        self.calls: list[list[Fed]] = []
        self.freed: list[int] = []
        self.fault: Exception | None = None
        self._page: list[Fed] = []

    def clear(self) -> None:
        self._page = []
        self.raw.n_tokens = 0

    def add(self, tokens: NDArray[np.int32], seat: int, start: int, wanted: int) -> None:
        kept = len(tokens) - wanted
        for place, token in enumerate(tokens.tolist()):
            self._page.append(Fed(seat, start + place, token, place >= kept))
        self.raw.n_tokens = len(self._page)

    def add_one(self, token: int, seat: int, position: int) -> None:
        self.add(np.array([token], np.int32), seat, position, 1)

    def compute(self, wanted: int) -> NDArray[np.float32]:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        assert sum(each.wanted for each in self._page) == wanted
        self.calls.append(self._page)
        seats = [[each.seat] * VOCABULARY for each in self._page if each.wanted]
        return np.array(seats, np.float32).reshape(wanted, VOCABULARY)

    def scheduler(self, streams: int) -> Scheduler:
        return Scheduler(cast("Batch", self), streams, self.compute, self.freed.append)


def prompt(number: int, size: int) -> NDArray[np.int32]:
    """Tokens that tell whose they are, and where they stand."""
    return np.arange(1000 * number, 1000 * number + size, dtype=np.int32)


async def serve(scheduler: Scheduler, number: int, size: int, tokens: int) -> int:
    """One request, as the session runs it; which call was its last."""
    sequence = await scheduler.enter(prompt(number, size))
    try:
        await scheduler.prefill(sequence)
        for place in range(tokens - 1):
            assert scheduler.logits[sequence.row][0] == sequence.seat
            await scheduler.follow(sequence, 1000 * number + size + place)
        return sequence.seat
    finally:
        scheduler.leave(sequence)


Shape = tuple[int, int]
shapes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), min_size=1, max_size=9)


@given(shapes, st.integers(1, 4), st.integers(0, 12))
def test_every_token_is_fed_once_in_its_place(given: list[Shape], streams: int, more: int) -> None:
    paper = Paper(streams + more)

    async def main() -> None:
        scheduler = paper.scheduler(streams)
        await asyncio.gather(
            *(serve(scheduler, number, *shape) for number, shape in enumerate(given))
        )
        assert not scheduler.live
        assert scheduler.fed == sum(map(len, paper.calls))

    asyncio.run(main())
    fed: dict[int, list[Fed]] = {}
    for call in paper.calls:
        assert 0 < len(call) <= paper.capacity
        assert [each.seat for each in call] == sorted(each.seat for each in call)
        for each in call:
            fed.setdefault(each.token // 1000, []).append(each)
    for number, (size, tokens) in enumerate(given):
        mine = fed[number]
        assert [each.position for each in mine] == list(range(size + tokens - 1))
        assert [each.token % 1000 for each in mine] == list(range(size + tokens - 1))
        assert [each.wanted for each in mine] == [False] * (size - 1) + [True] * tokens
        assert len({each.seat for each in mine}) == 1
    assert len(paper.freed) == len(given)


@given(st.integers(1, 60), st.integers(2, 20))
def test_a_prompt_holds_others_up_for_one_call_at_a_time(size: int, capacity: int) -> None:
    paper = Paper(capacity)

    async def main() -> None:
        scheduler = paper.scheduler(2)
        running = asyncio.create_task(serve(scheduler, 0, 1, 200))
        while len(paper.calls) < 3:
            await asyncio.sleep(0)
        await serve(scheduler, 1, size, 1)
        running.cancel()

    asyncio.run(main())
    calls = [call for call in paper.calls if any(each.token >= 1000 for each in call)]
    assert len(calls) == -(-size // (capacity - 1))
    for call in calls:
        assert sum(each.token < 1000 for each in call) == 1


def test_older_prompts_go_first() -> None:
    paper = Paper(10)

    async def main() -> None:
        scheduler = paper.scheduler(3)
        await asyncio.gather(*(serve(scheduler, number, 8, 1) for number in range(3)))

    asyncio.run(main())
    shares = [[sum(f.token // 1000 == n for f in call) for n in range(3)] for call in paper.calls]
    assert shares == [[8, 2, 0], [0, 6, 4], [0, 0, 4]]


def test_what_finds_no_sequence_waits_and_takes_the_lowest_that_is_free() -> None:
    paper = Paper(10)

    async def main() -> list[int]:
        scheduler = paper.scheduler(2)
        sizes = [(1, 9), (1, 3), (1, 2), (1, 2)]
        return list(
            await asyncio.gather(
                *(serve(scheduler, number, *shape) for number, shape in enumerate(sizes))
            )
        )

    assert asyncio.run(main()) == [0, 1, 1, 1]
    assert paper.freed == [1, 1, 1, 0]


def test_what_arrives_while_a_call_runs_is_in_the_next_one() -> None:
    paper = Paper(10)

    async def main() -> None:
        scheduler = paper.scheduler(2)
        running = asyncio.create_task(serve(scheduler, 0, 1, 50))
        computed = paper.compute

        def slow(wanted: int) -> NDArray[np.float32]:
            if len(paper.calls) == 5:
                asyncio.get_running_loop().call_later(0, arrived.set)
            return computed(wanted)

        arrived = asyncio.Event()
        scheduler._compute = slow
        await arrived.wait()
        assert len(paper.calls) == 6
        await serve(scheduler, 1, 4, 1)
        running.cancel()

    asyncio.run(main())
    assert [len(call) for call in paper.calls] == [1, 1, 1, 1, 1, 1, 5]


def test_a_failed_call_ends_those_in_it_and_no_others() -> None:
    paper = Paper(4)

    async def main() -> list[int | BaseException]:
        scheduler = paper.scheduler(3)
        paper.fault = RequestError("too much")
        three = (serve(scheduler, number, 4, 1) for number in range(3))
        told = await asyncio.gather(*three, return_exceptions=True)
        assert await serve(scheduler, 3, 4, 1) == 0
        assert not scheduler.live
        return told

    told = asyncio.run(main())
    assert [isinstance(each, RequestError) for each in told] == [True, False, False]
    assert paper.freed == [0, 1, 2, 0]


def test_a_cancelled_request_leaves_at_once() -> None:
    paper = Paper(8)

    async def main() -> None:
        scheduler = paper.scheduler(1)
        running = asyncio.create_task(serve(scheduler, 0, 1, 50))
        waiting = [asyncio.create_task(serve(scheduler, n, 1, 50)) for n in (1, 2)]
        while len(paper.calls) < 3:
            await asyncio.sleep(0)
        waiting[0].cancel()
        running.cancel()
        await waiting[1]

    asyncio.run(main())
    assert {each.token // 1000 for call in paper.calls for each in call} == {0, 2}
    assert paper.freed == [0, 0]


def test_a_request_cancelled_under_a_call_disturbs_no_other() -> None:
    paper = Paper(8)

    async def main() -> None:
        scheduler = paper.scheduler(2)
        cancelled = asyncio.create_task(serve(scheduler, 0, 1, 50))
        other = asyncio.create_task(serve(scheduler, 1, 1, 50))
        computed = paper.compute

        def cancelling(wanted: int) -> NDArray[np.float32]:
            cancelled.cancel()
            return computed(wanted)

        scheduler._compute = cancelling
        await asyncio.wait_for(other, 10)

    asyncio.run(main())
    assert [len(call) for call in paper.calls] == [2, *[1] * 49]


def test_an_end_fails_those_that_wait_and_those_that_ask_again() -> None:
    paper = Paper(8)

    async def main() -> None:
        scheduler = paper.scheduler(2)
        waiting = asyncio.create_task(serve(scheduler, 0, 1, 50))
        paused = await scheduler.enter(prompt(1, 2))
        await scheduler.prefill(paused)
        scheduler.end()
        with pytest.raises(RequestError, match="reset or closed"):
            await waiting
        with pytest.raises(RequestError, match="reset or closed"):
            await scheduler.follow(paused, 5)
        assert sorted(paper.freed) == [0, 1]
        assert await serve(scheduler, 3, 1, 1) == 0

    asyncio.run(main())
