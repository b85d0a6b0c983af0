"""Waking a task in the very call that brings what it waits for.

A future of asyncio has its task go on in the loop's next turn, after all else that is ready in this
one: of many answers that bring a piece at once, none would be stamped before all had been read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any


class Bell:
    """What one task at a time waits for, as long as it takes; rung by callbacks of the loop only.

    To a task it is a future (one is known by `_asyncio_future_blocking`, see `asyncio.isfuture`)
    that calls back at once.
    """

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: tuple[Context, Callable[[Bell], object]] | None = None
        self._cancelled = False

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it rings."""
        self._cancelled = False
        self._asyncio_future_blocking = True
        yield self

    def ring(self) -> None:
        """Let the task go on now, if one waits: it has come to its next wait when this returns."""
        if self._waiter is not None:
            (context, wake), self._waiter = self._waiter, None
            context.run(wake, self)

    # What a task asks of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The task's own."""
        return self._loop

    def add_done_callback(self, wake: Callable[[Bell], object], *, context: Context) -> None:
        """The task waits from now on."""
        self._waiter = context, wake

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002
        """The task is cancelled, and goes on in the next turn, as with a future."""
        if self._waiter is None:
            return False
        (context, wake), self._waiter = self._waiter, None
        self._cancelled = True
        self._loop.call_soon(wake, self, context=context)
        return True

    def result(self) -> None:
        """Asked by the task as it goes on."""
        if self._cancelled:
            raise asyncio.CancelledError
