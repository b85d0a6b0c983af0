from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from time import perf_counter_ns

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbench.worker import alarm
from crossbench.worker.alarm import Alarm

MS = 1_000_000
TIMERS = ["loop"] + (["kernel"] if sys.platform == "linux" else [])


@pytest.fixture(params=TIMERS, autouse=True)
def timer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's, where it has one, and the event loop's, which serves elsewhere."""
    kinds = {"loop": alarm._Handle, "kernel": alarm._Descriptor}
    monkeypatch.setattr(alarm, "_timer", kinds[request.param])


@given(ahead=st.lists(st.integers(-2 * MS, 15 * MS), min_size=1, max_size=12))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_woken_early_and_everybody_is(ahead: list[int]) -> None:
    async def wake() -> None:
        bell = Alarm()
        now = perf_counter_ns()

        async def sleeper(at: int) -> None:
            rang = await bell.until(at)
            assert at <= rang <= perf_counter_ns()

        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(sleeper(now + each) for each in ahead))
        finally:
            bell.close()

    asyncio.run(wake())


def test_they_are_woken_in_the_order_of_their_moments() -> None:
    async def wake() -> list[int]:
        bell, now, order = Alarm(), perf_counter_ns(), list[int]()

        async def sleeper(after: int) -> None:
            await bell.until(now + after * MS)
            order.append(after)

        await asyncio.gather(*map(sleeper, (30, 10, 40, 20)))
        bell.close()
        return order

    assert asyncio.run(wake()) == [10, 20, 30, 40]


def test_a_sooner_moment_is_not_kept_waiting_by_a_later_one_asked_before() -> None:
    async def wake() -> None:
        bell, now = Alarm(), perf_counter_ns()
        later = asyncio.create_task(bell.until(now + 3_600_000 * MS))
        await asyncio.sleep(0)
        await asyncio.wait_for(bell.until(now + 10 * MS), 20)
        later.cancel()
        bell.close()

    asyncio.run(wake())


def test_one_that_gives_up_disturbs_nobody() -> None:
    async def wake() -> bool:
        bell, now = Alarm(), perf_counter_ns()
        quitter = asyncio.create_task(bell.until(now + 10 * MS))
        stayer = asyncio.create_task(bell.until(now + 20 * MS))
        await asyncio.sleep(0)
        quitter.cancel()
        rang = await asyncio.wait_for(stayer, 30)
        bell.close()
        return quitter.cancelled() and rang >= now + 20 * MS

    assert asyncio.run(wake())


def test_a_moment_that_has_passed_lets_the_others_have_their_turn() -> None:
    async def wake() -> list[str]:
        bell, order = Alarm(), list[str]()

        async def impatient(name: str) -> None:
            for _ in range(3):
                await bell.until(0)
                order.append(name)

        await asyncio.gather(impatient("a"), impatient("b"))
        bell.close()
        return order

    assert asyncio.run(wake()) == ["a", "b"] * 3


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists descriptors")
def test_an_alarm_leaves_no_descriptor_behind() -> None:
    async def wake() -> None:
        for _ in range(20):
            bell = Alarm()
            await bell.until(perf_counter_ns() + MS)
            bell.close()

    asyncio.run(wake())
    before = len(list(Path("/proc/self/fd").iterdir()))
    asyncio.run(wake())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
