"""Waking at a moment of `perf_counter_ns`, as finely as the kernel can.

An event loop's own timers come up to a millisecond late on Linux: epoll_wait(2) counts in whole
milliseconds, and asyncio rounds up. A timerfd (timerfd_create(2)) has the kernel's resolution, by
the clock that `perf_counter_ns` reads there, and takes no time of a processor to wait. Elsewhere
(kqueue(2) counts in nanoseconds) the loop's own timers are used.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter_ns
from typing import Protocol

NS = 1_000_000_000
CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1


class _Timer(Protocol):
    """Rings once at the moment it was last set to."""

    def set(self, at_ns: int | None) -> None: ...
    def close(self) -> None: ...


class Alarm:
    """Wakes any number of coroutines of the running event loop, each at its moment."""

    def __init__(self) -> None:
        """Take a timer of the running loop; `close` gives it back."""
        self.loop = asyncio.get_running_loop()
        self._waiting: list[tuple[int, int, asyncio.Future[int]]] = []
        self._turns = count()
        self._timer = _timer(self.loop, self._ring)

    async def until(self, at_ns: int) -> int:
        """Wait for that moment; when the waiting was over, before the loop came to the waiter.

        A moment that has passed still gives every other task its turn.
        """
        now = perf_counter_ns()
        if now >= at_ns:
            await asyncio.sleep(0)
            return now
        future: asyncio.Future[int] = self.loop.create_future()
        heappush(self._waiting, (at_ns, next(self._turns), future))
        if self._waiting[0][2] is future:
            self._timer.set(at_ns)
        return await future

    def close(self) -> None:
        """Wake nobody any more."""
        self._timer.close()

    def _ring(self) -> None:
        waiting = self._waiting
        now = perf_counter_ns()
        while waiting and waiting[0][0] <= now:
            future = heappop(waiting)[2]
            if not future.done():
                future.set_result(now)
        self._timer.set(waiting[0][0] if waiting else None)


def _timer(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> _Timer:
    return _Descriptor(loop, ring) if sys.platform == "linux" else _Handle(loop, ring)


class _Descriptor:
    """A timerfd that the loop watches. Setting it anew also takes back that it has rung."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        """Raises OSError when the kernel gives none."""
        self._loop = loop
        self._libc = ctypes.PyDLL(None, use_errno=True)  # so short a call keeps the lock
        self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = (ctypes.c_long * 4)()
        loop.add_reader(self._fd, ring)

    def set(self, at_ns: int | None) -> None:
        """`struct itimerspec`: interval and value, in seconds and nanoseconds; 0 disarms."""
        self._setting[2], self._setting[3] = divmod(at_ns or 0, NS)
        self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, self._setting, None)

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        os.close(self._fd)


class _Handle:
    """A timer of the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_ns: int | None) -> None:
        self.close()
        if at_ns is not None:
            left_s = max(0, at_ns - perf_counter_ns()) / NS
            self._handle = self._loop.call_later(left_s, self._ring)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
