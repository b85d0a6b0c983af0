"""What contract v1 carries besides ids: reasoning, drafts, and counts of engines that send text."""

from __future__ import annotations

import pytest

from crossbench.analysis.cell import Cell
from crossbench.analysis.sample import judged
from crossbench.analysis.stream import content
from crossbench.api import Chunk, Finish, Request
from crossbench.journal.events import SampleTaken
from crossbench.worker.protocol import Record
from crossbench.worker.trace import Trace

LENGTH = Finish(reason="length")


def traced(*chunks: Chunk) -> Record:
    trace = Trace(Request(id="r", prompt_ids=(1,), max_tokens=8))
    trace.chunks.extend(chunks)
    trace.stamps.extend((10 + place) * 1_000_000 for place in range(len(chunks)))
    trace.end()
    return trace.record()


def sampled(record: Record, asked: int) -> SampleTaken:
    return SampleTaken(
        launch="b1",
        scenario="s",
        role="timed",
        repeat=0,
        prompt=0,
        prompt_tokens=1,
        prompt_sha256="",
        asked_tokens=asked,
        natural=False,
        record=record,
    )


def thought(text: str) -> Chunk:
    return Chunk(None, text, reasoning=True)


def test_chunks_of_text_may_be_counted_as_they_come() -> None:
    record = traced(
        Chunk(None, "One, two", tokens=3),
        Chunk(None, None, tokens=1),
        Chunk(None, ", three", tokens=2, finish=LENGTH),
    )
    assert (record.counts, record.token_ids, record.text) == ((3, 1, 2), None, "One, two, three")
    event = sampled(record, 6)
    sample = judged(1, event, "b1")
    assert (sample.fault, sample.tokens, sample.later_tokens) == (None, 6, 3)
    assert sample.counted_by == "usage"
    assert len(content(event)) == 3  # a token without text is one all the same


def test_a_count_of_chunks_must_be_what_was_asked() -> None:
    record = traced(Chunk(None, "a", tokens=3), Chunk(None, "b", tokens=2, finish=LENGTH))
    assert judged(1, sampled(record, 6), "b1").fault == "5 tokens came, 6 were asked"


def test_the_finish_beats_the_chunks() -> None:
    finish = Finish(reason="length", output_tokens=6, counted_by="usage")
    record = traced(Chunk(None, "a", tokens=3), Chunk(None, "b", tokens=2, finish=finish))
    assert judged(1, sampled(record, 6), "b1").tokens == 6


@pytest.mark.parametrize("tokens", [-1, "3", 1.5, True])
def test_a_count_that_is_none_is_a_breach(tokens: int) -> None:
    record = traced(Chunk(None, "a", tokens=tokens), Chunk(None, finish=LENGTH))
    assert record.failure is not None
    assert record.failure.kind == "contract"
    assert "tokens; allowed: 0 and more" in record.failure.message


@pytest.mark.parametrize(
    ("chunks", "before"),
    [
        ([Chunk(None, "answer"), Chunk(None, finish=LENGTH)], 0),
        ([thought("a"), thought("b"), Chunk(None, "c"), Chunk(None, finish=LENGTH)], 2),
        ([thought("a"), Chunk(None), Chunk(None, "c"), Chunk(None, finish=LENGTH)], 2),
        ([thought("a"), thought("b"), Chunk(None, finish=LENGTH)], 3),
        ([Chunk(None, "c"), thought("later"), Chunk(None, finish=LENGTH)], 0),
        ([Chunk((1,), reasoning=True), Chunk((2,)), Chunk((3,), finish=LENGTH)], 1),
    ],
)
def test_the_answer_begins_behind_the_reasoning(chunks: list[Chunk], before: int) -> None:
    assert traced(*chunks).reasoning_chunks == before


def test_reasoning_is_output_as_much_as_the_answer() -> None:
    record = traced(thought("Hm. "), Chunk(None, "Yes.", finish=LENGTH))
    assert (record.text, record.text_bytes) == ("Hm. Yes.", (4, 4))


@pytest.mark.parametrize(("drafted", "accepted"), [(8, 5), (8, 0), (8, 8), (None, 5), (8, None)])
def test_drafts_are_kept(drafted: int | None, accepted: int | None) -> None:
    finish = Finish(reason="length", drafted_tokens=drafted, accepted_tokens=accepted)
    record = traced(Chunk((1, 2), finish=finish))
    assert record.failure is None
    assert record.finish == finish


def test_an_engines_own_counts_stand_beside_its_figures() -> None:
    cell = Cell()
    for number, drafted in enumerate((8, 4), 1):
        finish = Finish(
            reason="length", drafted_tokens=drafted, accepted_tokens=3, native={"tps": 90.0}
        )
        cell.take(number, sampled(traced(Chunk((1, 2), finish=finish)), 2), "b1")
    assert cell.native == {"tps": [180, 2], "drafted_tokens": [12, 2], "accepted_tokens": [6, 2]}


@pytest.mark.parametrize(("drafted", "accepted"), [(4, 5), (8, -1), (None, -1)])
def test_more_kept_than_drafted_is_a_breach(drafted: int | None, accepted: int) -> None:
    finish = Finish(reason="length", drafted_tokens=drafted, accepted_tokens=accepted)
    record = traced(Chunk((1, 2), finish=finish))
    assert record.failure is not None
    assert "tokens are said to be accepted" in record.failure.message
