from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Chunk, EngineError, Finish, ModelRef, Needs, Request, RequestError
from crossbench.testing.null import NullEngine, NullOptions, NullSession
from crossbench.worker.driver import BrokenOff, Driver, instrument
from crossbench.worker.protocol import Measure, Record
from crossbench.worker.pulse import Phase, Pulse

END = Finish(reason="length", cached_prompt_tokens=0)


def told(**wrong: Any) -> Finish:
    return replace(END, **wrong)


def session(tmp_path: Path, **script: Any) -> NullSession:
    model = ModelRef(path=str(tmp_path), name="none")
    return NullEngine().load(model, NullOptions(**script), Needs(context_tokens=1000))


def request(number: int = 0, tokens: int = 10) -> Request:
    return Request(id=f"r{number}", prompt_ids=(1, 2, 3), max_tokens=tokens)


def measure(live: Any, beat: Pulse, *requests: Request, streams: int = 1) -> tuple[Record, ...]:
    asked = Measure(requests=requests or (request(),), streams=streams)
    return asyncio.run(Driver(live, beat).measure(asked)).records


class Scripted(NullSession):
    """A session that yields what it is given."""

    def __init__(self, *chunks: object) -> None:
        super().__init__(NullOptions(), Needs(context_tokens=1))
        self._given = chunks

    def generate(self, request: Request) -> Iterator[Any]:
        yield from self._given


@pytest.mark.parametrize("style", ["sync", "async"])
@pytest.mark.parametrize("per_chunk", [1, 3])
def test_counts_ids_and_stamps_of_a_known_script(
    tmp_path: Path, beat: Pulse, style: str, per_chunk: int
) -> None:
    live = session(tmp_path, style=style, tokens_per_chunk=per_chunk, ttft_s=0.01, tpot_s=0.002)
    (record,) = measure(live, beat)
    assert record.failure is None
    assert record.token_ids == tuple(range(6, 16))
    assert sum(record.counts) == 10
    assert max(record.counts) == per_chunk
    due = [10_000_000 + sum(record.counts[:i]) * 2_000_000 for i in range(len(record.counts))]
    assert all(stamp >= at for stamp, at in zip(record.stamps_ns, due, strict=True))
    assert record.finish == END


def test_what_is_loaded_is_kept_from_collections_until_it_is_released(
    tmp_path: Path, beat: Pulse
) -> None:
    gc.unfreeze()
    driver = Driver(session(tmp_path), beat)
    assert gc.get_freeze_count() > 0
    driver.release()
    assert gc.get_freeze_count() == 0


def test_many_streams_run_at_once(tmp_path: Path, beat: Pulse) -> None:
    live = session(tmp_path, style="async", ttft_s=0.2, tpot_s=0)
    requests = [request(number) for number in range(8)]
    records = measure(live, beat, *requests, streams=8)
    assert [record.id for record in records] == [item.id for item in requests]
    began = [record.t0_ns for record in records]
    first = [record.t0_ns + record.stamps_ns[0] for record in records]
    assert max(began) < min(first)


def test_a_closed_loop_keeps_to_its_number_of_streams(tmp_path: Path, beat: Pulse) -> None:
    live = session(tmp_path, style="async", ttft_s=0.02, tpot_s=0)
    records = measure(live, beat, *[request(number) for number in range(6)], streams=2)
    spans = [(record.t0_ns, record.t0_ns + record.stamps_ns[-1]) for record in records]
    for start, _ in spans:
        assert sum(begin <= start < end for begin, end in spans) <= 2


def test_a_synchronous_session_cannot_serve_several_at_once(tmp_path: Path, beat: Pulse) -> None:
    records = measure(session(tmp_path), beat, request(1), request(2), streams=2)
    for record in records:
        assert record.failure is not None
        assert "need asynchronous iterators" in record.failure.message


def test_garbage_collection_is_off_while_it_measures(beat: Pulse) -> None:
    seen: list[bool] = []

    class Curious(NullSession):
        def generate(self, request: Request) -> Iterator[Chunk]:
            seen.append(gc.isenabled())
            yield Chunk((1,), finish=END)

    measure(Curious(NullOptions(), Needs(context_tokens=1)), beat)
    assert seen == [False]
    assert gc.isenabled()


def test_half_a_character_is_no_reason_to_lose_a_sample(beat: Pulse) -> None:
    (record,) = measure(Scripted(Chunk((1,), text="a\ud83d", finish=END)), beat)
    assert record.failure is None
    assert record.text == "a?"


def test_the_pulse_tells_phase_and_tokens(tmp_path: Path, beat: Pulse) -> None:
    measure(session(tmp_path, ttft_s=0), beat)
    told = beat.read()
    assert (told.phase, told.tokens) == (Phase.IDLE, 10)


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (("text",), "yielded a str; allowed is a Chunk"),
        ((Chunk((1,)),), "ended without a finish"),
        ((), "ended without a finish"),
        ((Chunk((1,), finish=END), Chunk((2,), finish=END)), "before the last carried a finish"),
        ((Chunk(("x",), finish=END),), "token ids are not whole numbers"),  # type: ignore[arg-type]
        ((Chunk((1,), finish="stop"),), "a finish is a str"),  # type: ignore[arg-type]
        ((Chunk((1,), finish=told(reason="eos")),), "a finish is wrong: Invalid enum value 'eos'"),
        ((Chunk((1,), finish=told(cached_prompt_tokens=0.5)),), "a finish is wrong"),
        ((Chunk((1,), finish=told(native={"tps": "fast"})),), "a finish is wrong"),
        ((Chunk((1,), finish=told(native={"tps": math.nan})),), "native figure 'tps' is nan"),
    ],
)
def test_a_breach_of_the_contract_is_named(
    beat: Pulse, chunks: tuple[object, ...], message: str
) -> None:
    (record,) = measure(Scripted(*chunks), beat)
    assert record.failure is not None
    assert record.failure.kind == "contract"
    assert message in record.failure.message


def test_a_breach_closes_the_stream(beat: Pulse) -> None:
    closed: list[str] = []

    class Careless(NullSession):
        def generate(self, request: Request) -> AsyncIterator[Chunk]:
            return self._stream()

        async def _stream(self) -> AsyncIterator[Any]:
            try:
                yield "no chunk"
                yield "never asked for"
            finally:
                closed.append("yes")

    measure(Careless(NullOptions(), Needs(context_tokens=1)), beat)
    assert closed == ["yes"]


def test_a_refused_request_keeps_its_message_and_the_session(tmp_path: Path, beat: Pulse) -> None:
    live = session(tmp_path, context_tokens=8)
    (record,) = measure(live, beat)
    assert record.failure is not None
    assert "exceed the context of 8" in record.failure.message
    (record,) = measure(live, beat, request(tokens=2))
    assert record.failure is None


def test_a_lost_session_hands_over_what_had_finished(beat: Pulse) -> None:
    class Mortal(NullSession):
        def generate(self, request: Request) -> Iterator[Chunk]:
            if request.id == "r2":
                raise EngineError("gone")
            yield Chunk((1,), finish=END)

    live = Mortal(NullOptions(), Needs(context_tokens=1))
    with pytest.raises(BrokenOff, match="gone") as broken:
        measure(live, beat, request(1), request(2), request(3))
    assert [record.id for record in broken.value.records] == ["r1"]


def test_an_error_that_is_no_request_error_ends_the_session(beat: Pulse) -> None:
    class Confused(NullSession):
        def generate(self, request: Request) -> Iterator[Chunk]:
            raise ZeroDivisionError

    with pytest.raises(BrokenOff) as broken:
        measure(Confused(NullOptions(), Needs(context_tokens=1)), beat)
    assert isinstance(broken.value.cause, ZeroDivisionError)


def test_a_coroutine_reset_is_awaited(beat: Pulse) -> None:
    calls: list[str] = []

    class Slow(NullSession):
        async def reset(self) -> None:  # type: ignore[override]
            calls.append("reset")

        def generate(self, request: Request) -> Iterator[Chunk]:
            calls.append("generate")
            raise RequestError("enough")

    measure(Slow(NullOptions(), Needs(context_tokens=1)), beat)
    assert calls == ["reset", "generate"]


def test_a_suspension_during_a_request_is_recorded(
    tmp_path: Path, beat: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = iter([5_000, 3_000_005_000])
    monkeypatch.setattr("crossbench.worker.trace.suspended_ns", lambda: next(asleep))
    (record,) = measure(session(tmp_path), beat)
    assert record.suspended_ns == 3_000_000_000


def test_a_machine_that_is_awake_has_not_slept(tmp_path: Path, beat: Pulse) -> None:
    (record,) = measure(session(tmp_path, ttft_s=0.05), beat)
    assert abs(record.suspended_ns) < 1_000_000


def test_the_instrument_measures_itself() -> None:
    measured = instrument()
    assert 0 < measured.median_ns <= measured.p99_ns
