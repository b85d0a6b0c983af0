"""The workers of one launch: one load over all replicas of its target, as if they were one.

`Workers.ask` is what measures a cell: it takes a `Measure` and gives a `Measured` with a record for
each request, in the order asked, whether one worker stands behind it or several. Replicas serve
their parts at the same time: every part begins at one common `start_ns`, and stamps are of one
clock, so that throughput over all of them is tokens of all in one window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from crossbench.analysis.exclusion import LATEST_START_NS
from crossbench.places.placement import Place, Room
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.group import members
from crossbench.worker.protocol import Command, Measure, Measured, Record, Reply, Strain
from crossbench.worker.pulse import Beat
from crossbench.worker.supervisor import TICK_S, Ending, WorkerProcess

R = TypeVar("R", bound=Reply)
Tick: TypeAlias = Callable[[Beat], None]

NOWHERE = Room()
LEAD_NS = 300_000_000
"""Replicas begin together this long after they are asked: until then each has its part, has dropped
its caches and waits. Where that took one of them longer, later passes are given more."""
LONGEST_LEAD_NS = 20_000_000_000


class Workers:
    """All workers of a launch; usually one."""

    def __init__(
        self,
        processes: Sequence[WorkerProcess],
        places: Sequence[Place] = (),
        left: Room = NOWHERE,
    ) -> None:
        """At least one, all started; what each is held to, and the room left beside them."""
        self.processes = tuple(processes)
        self.places = tuple(places)
        self.left = left
        self.lead_ns = LEAD_NS

    @property
    def first(self) -> WorkerProcess:
        """The one that answers where one answer is enough."""
        return self.processes[0]

    def members(self) -> list[int]:
        """Ids of all living processes of theirs."""
        return [pid for process in self.processes for pid in members(process.pid)]

    def replica_of(self, asked: Measure) -> Mapping[str, int]:
        """Which replica serves each request, by the request's id."""
        turns = dealt(asked, len(self.processes))
        return {each.id: turn for each, turn in zip(asked.requests, turns, strict=True)}

    def ask(self, asked: Measure, tick: Tick | None = None) -> Measured:
        """Serve these requests with all replicas: a record for each, in the order asked.

        A replica that was not ready at the common start tells how late it began, and a longer lead
        is given from then on. `tick` is called about ten times a second. Raises WorkerFailed as
        soon as one of them fails, with the records that had finished; the others are then to be
        ended.
        """
        if len(self.processes) == 1:
            return self.first.ask(asked, Measured, tick)
        turns = dealt(asked, len(self.processes))
        start_ns = asked.start_ns
        if start_ns is None:
            start_ns = time.perf_counter_ns() + self.lead_ns
        parts = {
            number: part(replace(asked, start_ns=start_ns), turns, number, len(self.processes))
            for number in sorted(set(turns))
        }
        told = self._together(parts, Measured, tick)
        records: dict[str, Record] = {r.id: r for each in told for r in each.records}
        late_ns = max(each.late_ns for each in told)
        if late_ns > LATEST_START_NS:
            self.lead_ns = min(2 * (self.lead_ns + late_ns), LONGEST_LEAD_NS)
        return Measured(
            records=tuple(records[request.id] for request in asked.requests),
            strain=_hardest([each.strain for each in told]),
            late_ns=late_ns,
        )

    def ask_all(self, command: Command, kind: type[R], tick: Tick | None = None) -> list[R]:
        """Ask every replica the same, at the same time. Raises WorkerFailed as `ask` does."""
        return self._together(dict.fromkeys(range(len(self.processes)), command), kind, tick)

    def _together(self, parts: Mapping[int, Command], kind: type[R], tick: Tick | None) -> list[R]:
        beats: dict[int, Beat] = {}

        def beat_of(number: int) -> Tick:
            def beat(now: Beat) -> None:
                beats[number] = now
                if tick is not None:
                    tick(_summed(list(beats.values())))

            return beat

        return together(
            {
                number: self.processes[number].asking(
                    each, kind, beat_of(number), TICK_S / len(parts)
                )
                for number, each in parts.items()
            },
            of=len(self.processes),
        )

    def end(self) -> Ending:
        """End all, each in stages; how the one went that had to be pushed furthest."""
        return _furthest([process.end() for process in self.processes])

    def kill(self) -> Ending:
        """End all at once, without asking any to close its engine."""
        return _furthest([process.kill() for process in self.processes])


def dealt(asked: Measure, replicas: int) -> tuple[int, ...]:
    """Which of so many replicas serves each request.

    By turns: of an open loop request by request, of a closed one stream by stream, so that a
    replica with more streams gets as many more requests.
    """
    users = max(1, asked.streams) if not asked.arrivals_ns else len(asked.requests)
    return tuple((place % users) % replicas for place in range(len(asked.requests)))


def part(asked: Measure, turns: Sequence[int], number: int, replicas: int) -> Measure:
    """What one of so many replicas is asked of the whole."""
    own = [place for place, replica in enumerate(turns) if replica == number]
    return replace(
        asked,
        requests=tuple(asked.requests[place] for place in own),
        streams=max(1, len(range(number, asked.streams, replicas))),
        arrivals_ns=tuple(asked.arrivals_ns[place] for place in own if asked.arrivals_ns),
    )


def together(asks: dict[int, Generator[None, None, R]], *, of: int) -> list[R]:
    """Wait for several workers at once, in one thread; their replies in the order given.

    The first that fails ends the waiting for all. Raises WorkerFailed, naming the replica.
    """
    replies: dict[int, R] = {}
    waiting = dict(asks)
    try:
        while waiting:
            for number, steps in list(waiting.items()):
                try:
                    next(steps)
                except StopIteration as done:
                    replies[number] = done.value
                    del waiting[number]
                except WorkerFailed as failure:
                    told = f"replica {number + 1} of {of}: {failure}" if of > 1 else str(failure)
                    finished = _finished(replies)
                    raise WorkerFailed(
                        failure.kind, failure.phase, told, (*finished, *failure.records)
                    ) from None
    finally:
        for steps in waiting.values():
            steps.close()
    return [replies[number] for number in asks]


def _finished(replies: dict[int, R]) -> tuple[Record, ...]:
    """The records of replicas that were done when another failed."""
    return tuple(
        record
        for reply in replies.values()
        if isinstance(reply, Measured)
        for record in reply.records
    )


def _summed(beats: Sequence[Beat]) -> Beat:
    """One beat of several workers: their tokens together, the phase of the one least far."""
    slowest = min(beats, key=lambda beat: beat.since_ns)
    return Beat(slowest.phase, slowest.since_ns, sum(beat.tokens for beat in beats))


def _hardest(strains: Sequence[Strain | None]) -> Strain | None:
    """That of the replica whose event loop fell behind most."""
    known = [strain for strain in strains if strain is not None]
    return max(known, key=lambda strain: strain.lag_p99_ns, default=None)


def _furthest(endings: Sequence[Ending]) -> Ending:
    order = ("quit", "terminated", "killed", "died")
    return max(endings, key=lambda ending: order.index(ending.stage))
