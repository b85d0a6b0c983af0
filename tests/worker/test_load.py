"""Load shapes: open loops, starts, many streams, and what the driver says of its own event loop."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbench.api import Chunk, EngineError, Finish, Needs, Request
from crossbench.testing.null import NullOptions, NullSession
from crossbench.worker.__main__ import failed
from crossbench.worker.driver import LONGEST_START_NS, BrokenOff, Driver
from crossbench.worker.lag import PERIOD_NS
from crossbench.worker.protocol import Measure, Measured, Record
from crossbench.worker.pulse import Phase, Pulse
from crossbench.worker.trace import Trace

MS = 1_000_000
END = Finish(reason="length", cached_prompt_tokens=0)


def null(**script: Any) -> NullSession:
    return NullSession(NullOptions(**{"style": "async", **script}), Needs(context_tokens=1000))


def requests(count: int, tokens: int = 2) -> tuple[Request, ...]:
    return tuple(
        Request(id=f"r{number}", prompt_ids=(1, 2, 3), max_tokens=tokens) for number in range(count)
    )


def measured(live: Any, beat: Pulse, asked: Measure) -> Measured:
    return asyncio.run(Driver(live, beat).measure(asked))


def span(record: Record) -> tuple[int, int]:
    """When it was handed over, and when its last chunk came."""
    return record.t0_ns + record.delay_ns, record.t0_ns + record.stamps_ns[-1]


# Open loops

gaps = st.lists(st.integers(0, 8 * MS), min_size=1, max_size=6)


@given(gaps=gaps, style=st.sampled_from(["sync", "async"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_open_loop_counts_from_when_each_request_is_due(
    beat: Pulse, gaps: list[int], style: str
) -> None:
    arrivals = tuple(sum(gaps[: place + 1]) for place in range(len(gaps)))
    live = null(style=style, ttft_s=0.002, tpot_s=0.001)
    asked = Measure(requests=requests(len(gaps)), arrivals_ns=arrivals)
    records = measured(live, beat, asked).records
    assert [each.t0_ns - records[0].t0_ns for each in records] == [
        arrival - arrivals[0] for arrival in arrivals
    ]
    for each in records:
        assert each.failure is None
        assert each.delay_ns >= 0
        assert each.stamps_ns[0] >= each.delay_ns + 2 * MS


def test_no_request_of_an_open_loop_waits_for_another(beat: Pulse) -> None:
    live = null(ttft_s=0.3)
    asked = Measure(requests=requests(5), arrivals_ns=(0, 5 * MS, 10 * MS, 15 * MS, 20 * MS))
    spans = [span(each) for each in measured(live, beat, asked).records]
    assert max(handed for handed, _ in spans) < min(ended for _, ended in spans)


def test_requests_that_are_due_together_are_handed_over_together(beat: Pulse) -> None:
    asked = Measure(requests=requests(20), arrivals_ns=(0,) * 20)
    records = measured(null(ttft_s=0.2), beat, asked).records
    assert len({each.t0_ns for each in records}) == 1
    spans = [span(each) for each in records]
    assert max(handed for handed, _ in spans) < min(ended for _, ended in spans)


def test_queueing_before_a_slow_synchronous_engine_counts(beat: Pulse) -> None:
    """Four arrive within 3 ms at an engine that takes 30 ms each: the last waits for the others."""
    live = null(style="sync", ttft_s=0.03, tpot_s=0)
    arrivals = (0, MS, 2 * MS, 3 * MS)
    told = measured(live, beat, Measure(requests=requests(4, tokens=1), arrivals_ns=arrivals))
    for number, each in enumerate(told.records):
        assert each.stamps_ns[0] >= (number + 1) * 30 * MS - arrivals[number]
        assert each.delay_ns >= number * 30 * MS - arrivals[number]
    assert told.strain is None, "an event loop that is held on purpose has no lag to tell"


def test_an_engine_that_is_lost_ends_an_open_loop(beat: Pulse) -> None:
    class Mortal(NullSession):
        async def generate(self, request: Request) -> AsyncIterator[Chunk]:
            if request.id == "r1":
                raise EngineError("gone")
            yield Chunk((1,), finish=END)
            yield Chunk((1,), finish=END)

    live = Mortal(NullOptions(), Needs(context_tokens=1))
    asked = Measure(requests=requests(3), arrivals_ns=(0, 5 * MS, 60_000 * MS))
    began = time.monotonic()
    with pytest.raises(BrokenOff) as broken:
        measured(live, beat, asked)
    assert failed(broken.value.cause, broken.value.phase).message == "gone"
    assert time.monotonic() - began < 30
    assert [each.id for each in broken.value.records] == ["r0"]
    assert gc.isenabled()


def test_between_requests_the_pulse_shows_that_the_driver_lives(beat: Pulse) -> None:
    seen: list[tuple[Phase, int]] = []

    async def watch() -> None:
        while True:
            now = beat.read()
            if now.phase is Phase.WAITING:
                seen.append((now.phase, now.since_ns))
            await asyncio.sleep(0.05)

    async def both() -> None:
        watching = asyncio.create_task(watch())
        asked = Measure(requests=requests(2), arrivals_ns=(0, 1_600 * MS))
        await Driver(null(), beat).measure(asked)
        watching.cancel()

    asyncio.run(both())
    assert len({since for _, since in seen}) >= 2


@pytest.mark.parametrize(
    ("load", "told"),
    [
        ({"arrivals_ns": (0,)}, "1 arrivals of 2 requests"),
        ({"arrivals_ns": (5, 4)}, "ascending"),
        ({"arrivals_ns": (-1, 4)}, "ascending"),
        ({"streams": 0}, "0 streams"),
    ],
)
def test_a_load_that_cannot_be_is_refused(load: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Measure(requests=requests(2), **load)


# Starts


OPEN = {"arrivals_ns": (0, 0, 4 * MS)}


@pytest.mark.parametrize(
    ("style", "load"),
    [("sync", {}), ("async", {}), ("async", {"streams": 3}), ("sync", OPEN), ("async", OPEN)],
)
def test_nothing_is_handed_over_before_the_start(
    beat: Pulse, style: str, load: dict[str, Any]
) -> None:
    start = time.perf_counter_ns() + 60 * MS
    asked = Measure(requests=requests(3), start_ns=start, **load)
    records = measured(null(style=style), beat, asked).records
    assert min(each.t0_ns + each.delay_ns for each in records) >= start
    if "arrivals_ns" in load:
        assert [each.t0_ns - start for each in records] == [0, 0, 4 * MS]


def test_drivers_of_one_start_start_together(beat: Pulse) -> None:
    """Whatever the caches of one take to be dropped: it is done before, not within."""

    class Thorough(NullSession):
        async def reset(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0.05)

    async def both() -> list[Measured]:
        start = time.perf_counter_ns() + 200 * MS
        asked = Measure(requests=requests(2), streams=2, start_ns=start)
        slow = Thorough(NullOptions(style="async", ttft_s=0.2), Needs(context_tokens=1000))
        sessions = (slow, null(ttft_s=0.2))
        return await asyncio.gather(*(Driver(each, beat).measure(asked) for each in sessions))

    spans = [span(record) for each in asyncio.run(both()) for record in each.records]
    assert max(handed for handed, _ in spans) < min(ended for _, ended in spans)


def test_a_start_that_has_passed_is_now_and_its_lateness_is_told(beat: Pulse) -> None:
    late = time.perf_counter_ns() - 50 * MS
    asked = Measure(requests=requests(2), arrivals_ns=(0, MS), start_ns=late)
    told = measured(null(), beat, asked)
    assert told.late_ns >= 50 * MS
    for each, due in zip(told.records, (0, MS), strict=True):
        assert each.t0_ns == late + due
        assert each.delay_ns >= 50 * MS - due


def test_what_resetting_took_beyond_the_start_is_lateness(beat: Pulse) -> None:
    asked = Measure(requests=requests(1), start_ns=time.perf_counter_ns() + 20 * MS)
    driver = Driver(null(reset_s=0.1), beat)
    assert asyncio.run(driver.measure(asked)).late_ns >= 50 * MS
    assert asyncio.run(driver.measure(Measure(requests=requests(1)))).late_ns == 0


def test_a_start_in_the_far_future_is_refused(beat: Pulse) -> None:
    start = time.perf_counter_ns() + 2 * LONGEST_START_NS
    with pytest.raises(ValueError, match="ahead"):
        measured(null(), beat, Measure(requests=requests(1), start_ns=start))


# The driver's own time


def test_records_are_made_when_nothing_is_in_flight(
    beat: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short request has long ended while the long one streams; its record waits."""
    ended: list[int] = []
    made: list[int] = []
    end, record = Trace.end, Trace.record

    def noting_end(trace: Trace, *failure: Any) -> None:
        ended.append(time.perf_counter_ns())
        end(trace, *failure)

    def noting_record(trace: Trace) -> Record:
        made.append(time.perf_counter_ns())
        return record(trace)

    monkeypatch.setattr(Trace, "end", noting_end)
    monkeypatch.setattr(Trace, "record", noting_record)
    both = (*requests(1), Request(id="long", prompt_ids=(1,), max_tokens=40))
    measured(null(tpot_s=0.001), beat, Measure(requests=both, streams=2))
    assert len(ended) == len(made) == 2
    assert min(made) >= max(ended)


def test_one_request_at_a_time_has_no_strain(beat: Pulse) -> None:
    assert measured(null(), beat, Measure(requests=requests(2))).strain is None


def test_an_event_loop_that_is_held_up_is_seen(beat: Pulse) -> None:
    class Rude(NullSession):
        async def generate(self, request: Request) -> AsyncIterator[Chunk]:
            yield Chunk((1,))
            await asyncio.sleep(0.03)
            time.sleep(0.3)
            await asyncio.sleep(0.03)
            yield Chunk((2,), finish=END)

    live = Rude(NullOptions(), Needs(context_tokens=1))
    strain = measured(live, beat, Measure(requests=requests(2), streams=2)).strain
    assert strain is not None
    assert strain.lag_max_ns >= 280 * MS
    assert strain.lag_p50_ns <= strain.lag_p99_ns <= strain.lag_max_ns
    assert strain.span_ns >= 360 * MS
    # The wake that was 300 ms late stands for those of the meantime, too.
    assert strain.wakes >= 300 * MS // PERIOD_NS


def test_processor_time_is_told_of_the_loop_and_of_all_threads(beat: Pulse) -> None:
    class Busy(NullSession):
        async def generate(self, request: Request) -> AsyncIterator[Chunk]:
            spin_until = time.thread_time() + 0.05
            while time.thread_time() < spin_until:
                pass
            await asyncio.to_thread(_spin, 0.05)
            yield Chunk((1,), finish=END)

    live = Busy(NullOptions(), Needs(context_tokens=1))
    strain = measured(live, beat, Measure(requests=requests(1), arrivals_ns=(0,))).strain
    assert strain is not None
    assert strain.loop_ns >= 50 * MS
    assert strain.process_ns >= strain.loop_ns + 45 * MS


def _spin(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
