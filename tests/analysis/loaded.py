"""Passes under load made by hand: requests with their times, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crossbench.analysis.cell import Cell
from crossbench.api import Finish
from crossbench.journal.events import PassTaken, SampleTaken
from crossbench.suite.model import Load
from crossbench.suite.tables.scenario import Slo
from crossbench.worker.protocol import Record, RequestFailure

MS = 1_000_000
CHUNKS = 4
REFUSED = RequestFailure(kind="request", message="no room")


def users(count: int, requests: int, slo: Slo | None = None) -> Load:
    """A closed loop."""
    return Load(of="s", concurrency=count, requests=requests, slo=slo)


def rate(each_s: float, requests: int, slo: Slo | None = None) -> Load:
    """An open loop."""
    return Load(of="s", rate=each_s, requests=requests, room=8, slo=slo)


def request(
    number: int,
    begin_ms: float,
    took_ms: float,
    *,
    launch: str = "b1",
    worker: str | None = None,
    repeat: int = 0,
    chunks: int = CHUNKS,
    failure: RequestFailure | None = None,
    delay_ms: float = 0.0,
    replica: int = 0,
    suspended_ms: float = 0.0,
) -> SampleTaken:
    """One that is answered in even chunks of a token; one with a failure is not."""
    stamps = [] if failure else [took_ms * (place + 1) / chunks for place in range(chunks)]
    return SampleTaken(
        launch=worker or launch,
        scenario="s",
        role="timed",
        repeat=repeat,
        prompt=number,
        prompt_tokens=300,
        prompt_sha256="",
        asked_tokens=len(stamps) or chunks,
        natural=False,
        replica=replica,
        record=Record(
            id=f"{number}",
            t0_ns=round(begin_ms * MS),
            delay_ns=round(delay_ms * MS),
            stamps_ns=tuple(round(stamp * MS) for stamp in stamps),
            counts=(1,) * len(stamps),
            token_ids=tuple(range(len(stamps))),
            text=None,
            finish=None if failure else Finish(reason="length", cached_prompt_tokens=0),
            suspended_ns=round(suspended_ms * MS),
            failure=failure,
        ),
    )


def closed(
    streams: int, took_ms: Sequence[float], *, start_ms: float = 0.0, **each: object
) -> list[SampleTaken]:
    """Each user takes the next request as soon as its last is answered."""
    free = [start_ms] * streams
    made = []
    for number, took in enumerate(took_ms):
        user = free.index(min(free))
        made.append(request(number, free[user], took, **each))  # type: ignore[arg-type]
        free[user] += took
    return made


def cell(
    load: Load,
    *passes: Iterable[SampleTaken],
    torn: Iterable[int] = (),
    late_ms: Mapping[int, float] | None = None,
) -> Cell:
    """All of them taken down; those whose number is in `torn` were never finished, and of those in
    `late_ms` a replica began so late."""
    made = Cell()
    made.load, made.requests = load, load.requests
    broken = set(torn)
    for place, events in enumerate(passes):
        for line, event in enumerate(events, 1):
            made.take(line, event, event.launch.partition("@")[0])
        if place not in broken:
            made.passes[event.launch, event.repeat].taken = PassTaken(
                launch=event.launch,
                scenario="s",
                role="timed",
                repeat=event.repeat,
                requests=load.requests,
                late_ns=round((late_ms or {}).get(place, 0) * MS),
            )
    made.settle()
    return made
