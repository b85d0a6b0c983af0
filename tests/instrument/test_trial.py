"""What the instrument's figures make of records: of made ones, and of biases that were planted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.api import Chunk, Finish, Request
from crossbench.errors import InstrumentFailure
from crossbench.instrument.model import Script
from crossbench.instrument.trial import judged
from crossbench.testing.null import STAMP_DIGITS, NullSession
from crossbench.worker.protocol import Measured, Record, RequestFailure, Strain
from crossbench.worker.pulse import Pulse
from tests.instrument.played import played

MS = 1_000_000
STRAIN = Strain(
    wakes=100,
    lag_p50_ns=50_000,
    lag_p99_ns=MS,
    lag_max_ns=2 * MS,
    span_ns=1_000 * MS,
    loop_ns=20 * MS,
    process_ns=30 * MS,
)


def record(script: Script, number: int, late_ns: int, drift_ns: int, after_ns: int) -> Record:
    """Each stamp late by so much, each gap too long, and stamped so long after it was let go."""
    t0 = 123_456_789_000_000 + number * 17_000
    first, gap = round(script.ttft_s * 1e9), round(script.gap_s * 1e9)
    stamps = [first + late_ns + each * (gap + drift_ns) for each in range(script.chunks)]
    return Record(
        id=str(number),
        t0_ns=t0,
        stamps_ns=tuple(stamps),
        counts=(script.tokens_per_chunk,) * script.chunks,
        token_ids=None,
        text="".join(f"{t0 + stamp - after_ns:0{STAMP_DIGITS}d}" for stamp in stamps),
        finish=Finish(reason="length"),
    )


scripts = st.builds(
    Script,
    streams=st.integers(1, 5),
    tokens_per_chunk=st.integers(1, 8),
    tpot_s=st.sampled_from([0.0001, 0.001, 0.02, 0.05]),
    chunks=st.integers(2, 30),
)
amounts = st.integers(0, 5 * MS)


@given(scripts, amounts, amounts, amounts)
def test_planted_errors_are_told_as_they_are(
    script: Script, late: int, drift: int, after: int
) -> None:
    records = [record(script, number, late, drift, after) for number in range(script.streams)]
    told = judged(script, Measured(records=tuple(records), strain=STRAIN))
    tokens = script.tokens_per_chunk
    assert told.ttft.bias == pytest.approx(late / 1e9 / script.ttft_s, abs=1e-6)
    assert told.ttft.p99_s == pytest.approx(late / 1e9, abs=2e-8)
    assert told.tpot.bias == pytest.approx(drift / 1e9 / script.gap_s, abs=1e-4)
    assert told.tpot.p99_s == pytest.approx(drift / 1e9 / tokens, abs=2e-8)
    assert told.gap.bias == pytest.approx(drift / 1e9 / script.gap_s, abs=1e-4)
    assert told.gap.p99_s == pytest.approx(drift / 1e9, abs=2e-8)
    assert told.handover_p99_s == pytest.approx(after / 1e9, abs=1e-9)
    assert told.lag_p99_s == 0.001
    assert told.cpu_s == pytest.approx(20 / script.tokens / script.streams)


def test_a_failed_request_gives_no_figures() -> None:
    script = Script(streams=1, tpot_s=0.02, chunks=3)
    fine = record(script, 0, 0, 0, 0)
    refused = RequestFailure(kind="request", message="no room")
    failed = Record(
        id="0", t0_ns=1, stamps_ns=(), counts=(), token_ids=None, text=None, finish=None,
        failure=refused,
    )  # fmt: skip
    with pytest.raises(InstrumentFailure, match="no room"):
        judged(script, Measured(records=(failed,), strain=STRAIN))
    with pytest.raises(InstrumentFailure, match="lacks chunks"):
        judged(Script(streams=1, tpot_s=0.02, chunks=4), Measured(records=(fine,), strain=STRAIN))
    with pytest.raises(InstrumentFailure, match="event loop"):
        judged(script, Measured(records=(fine,)))


SOME = Script(streams=4, tpot_s=0.005, chunks=12)


def test_requests_one_after_the_other_are_judged_together() -> None:
    script = Script(streams=1, tpot_s=0.01, chunks=5, ttft_s=0.02, repeats=3)
    records = [record(script, number, late * MS, 0, 0) for number, late in enumerate((1, 2, 6))]
    told = judged(script, Measured(records=tuple(records)))
    assert told.ttft.bias == pytest.approx(0.003 / 0.02)
    assert told.ttft.p99_s == pytest.approx(0.006), "of a few, the worst"
    assert told.tokens_per_s == pytest.approx(100)
    assert (told.lag_p99_s, told.cpu_s) == (None, None)


def test_a_driver_is_seen_in_single_requests_too() -> None:
    """Three milliseconds over each chunk are late by three, and less than the ten between two."""
    told = played(Script(streams=1, tpot_s=0.01, chunks=5, ttft_s=0.02, repeats=3), beat=SlowPulse)
    assert told.gap.p99_s > 0
    assert told.tpot.bias > -0.5
    assert told.lag_p99_s is None


class LateFirst(NullSession):
    """Every chunk is handed over 3 ms after it was let go."""

    async def generate(self, request: Request) -> AsyncIterator[Chunk]:
        async for chunk in self._paced_async(self._script(request, 0)):
            await asyncio.sleep(0.003)
            yield chunk


class SlowPulse(Pulse):
    """A driver that takes 3 ms over each chunk."""

    def tokens_came(self, now_ns: int, tokens: int) -> None:
        time.sleep(0.003)
        super().tokens_came(now_ns, tokens)


def test_an_engine_that_hands_over_three_milliseconds_late_is_seen() -> None:
    told = played(SOME, session=LateFirst)
    assert told.ttft.p99_s >= 0.003
    assert told.handover_p99_s >= 0.003


def test_a_driver_that_takes_three_milliseconds_a_chunk_is_seen() -> None:
    """Four streams then need 12 ms a token where 5 were scripted; what holds up is the loop."""
    told = played(SOME, beat=SlowPulse)
    assert told.tpot.bias >= (12 - 5) / 5 * 0.9
    assert told.gap.p99_s >= 0.006
    assert told.lag_p99_s is not None
    assert told.lag_p99_s >= 0.003


def test_many_streams_come_whole_and_never_early() -> None:
    script = Script(streams=32, tokens_per_chunk=4, tpot_s=0.001, chunks=6)
    told = played(script)
    assert told.ttft.bias >= 0
    assert 0 < told.tokens_per_s <= script.tokens_per_s * 1.2
    assert told.cpu_s is not None
    assert told.cpu_s > 0
    assert 0 < told.handover_p99_s < 1
