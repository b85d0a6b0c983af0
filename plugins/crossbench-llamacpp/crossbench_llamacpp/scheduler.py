"""Continuous batching: which tokens of which requests each call of llama_decode computes.

A call holds the next token of every request that is generating, and in what is left of n_batch the
prompts of new ones, oldest first, a piece at a time where they do not fit. So a new prompt holds
the others up for one call at a time, of at most n_batch tokens, as in llama-server.

There is no thread and no task. A request that waits for its next logits asks for a call; the event
loop makes it once every request that the last call woke has asked too, and whatever has arrived
meanwhile. That llama_decode runs in the loop delays no token, as none can come while it runs;
another thread would cost every call two switches.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crossbench.api import RequestError

if TYPE_CHECKING:
    from crossbench_llamacpp.batch import Batch

Compute: TypeAlias = Callable[[int], NDArray[np.float32]]
"""Computes the batch: (n, vocabulary), the logits of its n tokens whose logits are wanted, valid
until the next call. Raises RequestError or EngineError."""


class Sequence:
    """One request's place in the context."""

    __slots__ = ("computed", "number", "prompt", "row", "seat", "size", "token")

    def __init__(self, number: int, seat: int, prompt: NDArray[np.int32]) -> None:
        self.number = number
        """Requests that came before it."""
        self.seat = seat
        """llama.cpp's id of its sequence."""
        self.prompt = prompt
        self.size = len(prompt)
        self.computed = 0
        """Tokens in its cache."""
        self.token = 0
        """What is computed next, once the prompt is."""
        self.row = 0
        """Which of the last call's logits are its own, counted from the end."""


class Scheduler:
    """The requests in flight. Each holds a sequence of llama.cpp's; what finds none free waits."""

    def __init__(
        self, batch: Batch, streams: int, compute: Compute, free: Callable[[int], None]
    ) -> None:
        """`free` empties the cache of a sequence."""
        self.fed = 0
        """Tokens given to `compute`; who counts sets it to 0."""
        self.logits: NDArray[np.float32] = np.empty((0, 0), np.float32)
        """Of the last call, a row for each sequence that it brought its next logits."""
        self.live: set[Sequence] = set()
        self._batch = batch
        self._compute = compute
        self._free = free
        self._numbers = count()
        self._places = asyncio.Semaphore(streams)
        self._seats = list(range(streams))
        self._waiting: dict[Sequence, Future[None]] = {}
        self._asked = False

    async def enter(self, prompt: NDArray[np.int32]) -> Sequence:
        """A sequence for a request; it must `leave`.

        The lowest one that is free: of sequences with caches of their own llama.cpp computes
        neighbours together, and those beyond a gap apart.
        """
        await self._places.acquire()
        sequence = Sequence(next(self._numbers), heappop(self._seats), prompt)
        self.live.add(sequence)
        return sequence

    def leave(self, sequence: Sequence) -> None:
        """Empty its cache and pass its place on; a second call does nothing."""
        if sequence not in self.live:
            return
        self.live.remove(sequence)
        self._waiting.pop(sequence, None)
        self._free(sequence.seat)
        heappush(self._seats, sequence.seat)
        self._places.release()

    def end(self) -> None:
        """End all requests: each fails where it stands, or when it next asks for logits."""
        for sequence in tuple(self.live):
            waiter = self._waiting.get(sequence)
            self.leave(sequence)
            if waiter is not None and not waiter.done():
                waiter.set_exception(_ended())

    def prefill(self, sequence: Sequence) -> Future[None]:
        """Done when its prompt is computed, and the logits of its last token are there."""
        return self._ask(sequence)

    def follow(self, sequence: Sequence, token: int) -> Future[None]:
        """Done when the logits of this token, the next one after all before, are there."""
        sequence.token = token
        return self._ask(sequence)

    def _ask(self, sequence: Sequence) -> Future[None]:
        if sequence not in self.live:
            raise _ended()
        loop = asyncio.get_running_loop()
        waiter = self._waiting[sequence] = loop.create_future()
        self._call_soon(loop)
        return waiter

    def _call_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._asked:
            self._asked = True
            # One round of the loop later than soon, so that timers which ran out, and what they
            # wake, come before the call.
            loop.call_soon(loop.call_soon, self._call)

    def _call(self) -> None:
        """Compute what is waited for, as far as one call goes."""
        self._asked = False
        called, ready = self._compose()
        if not called:
            return
        failure: Exception | None = None
        try:
            self.logits = self._compute(len(ready))
            self.fed += self._batch.raw.n_tokens
        except Exception as error:  # noqa: BLE001 - those who wait raise it
            failure = error
        for place, sequence in enumerate(ready):
            sequence.row = place - len(ready)
        for sequence in called if failure else ready:
            waiter = self._waiting.pop(sequence)
            if waiter.done():  # cancelled, and not woken yet
                continue
            if failure:
                waiter.set_exception(failure)
            else:
                waiter.set_result(None)
        if self._waiting:
            self._call_soon(asyncio.get_running_loop())

    def _compose(self) -> tuple[list[Sequence], list[Sequence]]:
        """Fill the batch: the sequences it holds, and those of them that it brings logits."""
        batch = self._batch
        batch.clear()
        shares = self._shares()
        called, ready = [], []
        for sequence in sorted(self._waiting, key=attrgetter("seat")):
            start = sequence.computed
            if start >= sequence.size:
                batch.add_one(sequence.token, sequence.seat, start)
                sequence.computed += 1
            elif share := shares.get(sequence):
                sequence.computed += share
                whole = sequence.computed == sequence.size
                piece = sequence.prompt[start : sequence.computed]
                batch.add(piece, sequence.seat, start, wanted=whole)
            else:
                continue
            called.append(sequence)
            if sequence.computed >= sequence.size:
                ready.append(sequence)
        return called, ready

    def _shares(self) -> dict[Sequence, int]:
        """Tokens of each prompt that the next call computes."""
        unread = [each for each in self._waiting if each.computed < each.size]
        room = self._batch.capacity - len(self._waiting) + len(unread)
        shares: dict[Sequence, int] = {}
        for sequence in sorted(unread, key=attrgetter("number")):
            shares[sequence] = min(room, sequence.size - sequence.computed)
            room -= shares[sequence]
        return shares


def _ended() -> RequestError:
    return RequestError("the session was reset or closed under this request")
