"""What a task waits for on a connection: it goes on in the call that rings, or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeAlias

import pytest

from crossbench_openai.bell import Bell

Scene: TypeAlias = Callable[[Bell], Awaitable[None]]


def played(scene: Scene) -> None:
    async def play() -> None:
        async with asyncio.timeout(10):
            await scene(Bell(asyncio.get_running_loop()))

    asyncio.run(play())


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def rung(bell: Bell, *then: Callable[[], None]) -> asyncio.Future[None]:
    """Rings from a callback of the loop, as a connection does; done once that has returned."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def ring() -> None:
        bell.ring()
        for each in then:
            each()
        done.set_result(None)

    loop.call_soon(ring)
    return done


def test_the_task_goes_on_in_the_call_that_rings() -> None:
    async def scene(bell: Bell) -> None:
        came: list[str] = []

        async def wait() -> None:
            for turn in ("once", "again"):
                await bell
                came.append(turn)

        task = asyncio.create_task(wait())
        await turns()
        for _ in range(2):
            await rung(bell, lambda: came.append("returned"))
        await task
        assert came == ["once", "returned", "again", "returned"]

    played(scene)


def test_a_bell_that_nobody_hears_wakes_nobody_later() -> None:
    async def scene(bell: Bell) -> None:
        await rung(bell)
        task = asyncio.create_task(_waits(bell))
        await turns()
        assert not task.done()
        await rung(bell)
        await task

    played(scene)


def test_a_task_that_waits_can_be_cancelled_and_another_can_wait_then() -> None:
    async def scene(bell: Bell) -> None:
        task = asyncio.create_task(_waits(bell))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        following = asyncio.create_task(_waits(bell))
        await turns()
        assert not following.done()
        await rung(bell)
        await following

    played(scene)


def test_a_cancelled_task_is_not_saved_by_the_bell() -> None:
    async def scene(bell: Bell) -> None:
        task = asyncio.create_task(_waits(bell))
        await turns()

        def cancel_and_ring() -> None:
            task.cancel()
            bell.ring()

        asyncio.get_running_loop().call_soon(cancel_and_ring)
        with pytest.raises(asyncio.CancelledError):
            await task

    played(scene)


def test_patience_ends_a_wait() -> None:
    async def scene(bell: Bell) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await bell

    played(scene)


def test_the_task_keeps_its_own_context() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    async def scene(bell: Bell) -> None:
        async def wait() -> str:
            variable.set("within")
            await bell
            return variable.get()

        task = asyncio.create_task(wait())
        await turns()
        await rung(bell)
        assert (await task, variable.get()) == ("within", "outside")

    played(scene)


async def _waits(bell: Bell) -> None:
    await bell
