"""Samples of an engine that streams text: tokens are counted, never assumed."""

from __future__ import annotations

from typing import Literal

from crossbench.analysis.sample import judged
from crossbench.api import Finish
from crossbench.journal.events import SampleTaken
from crossbench.worker.protocol import Record

MS = 1_000_000


def streamed(
    sizes: tuple[int, ...],
    *,
    tokens: int | None,
    by: Literal["usage", "text"] | None = "usage",
    asked: int = 20,
    reason: Literal["length", "stop"] = "length",
    natural: bool = False,
) -> SampleTaken:
    record = Record(
        id="r",
        t0_ns=0,
        stamps_ns=tuple((10 + 5 * place) * MS for place in range(len(sizes))),
        counts=tuple(0 for _ in sizes),
        text_bytes=sizes,
        token_ids=None,
        text="x" * sum(sizes),
        finish=Finish(reason=reason, output_tokens=tokens, counted_by=by),
    )
    return SampleTaken(
        launch="b1",
        scenario="s",
        role="timed",
        repeat=0,
        prompt=0,
        prompt_tokens=300,
        prompt_sha256="",
        asked_tokens=asked,
        natural=natural,
        record=record,
    )


def test_tokens_are_those_of_the_engines_usage() -> None:
    sample = judged(1, streamed((4, 4, 4, 4, 4), tokens=20), "b1")
    assert sample.fault is None
    assert (sample.tokens, sample.counted_by, sample.chunks) == (20, "usage", 5)
    assert sample.later_tokens == 16  # a fifth of the bytes came with the first chunk
    assert (sample.ttft_s, sample.decode_s) == (0.010, 0.020)


def test_chunks_without_text_carry_no_stamp() -> None:
    sample = judged(1, streamed((0, 8, 8, 0), tokens=20), "b1")
    assert (sample.ttft_s, sample.chunks) == (0.015, 2)


def test_a_count_that_is_not_told_makes_the_sample_invalid() -> None:
    assert "does not tell how many" in (judged(1, streamed((4, 4), tokens=None), "b1").fault or "")


def test_an_engines_own_count_must_be_what_was_asked() -> None:
    fault = judged(1, streamed((4, 4, 4), tokens=12, reason="stop"), "b1").fault
    assert fault == "12 tokens came, 20 were asked"
    assert judged(1, streamed((4, 4), tokens=12, reason="stop", natural=True), "b1").fault is None


def test_tokenising_again_may_differ_by_a_few_where_the_engine_says_length() -> None:
    sample = judged(1, streamed((4, 4, 4), tokens=19, by="text"), "b1")
    assert (sample.fault, sample.tokens, sample.counted_by) == (None, 19, "text")
    stopped = judged(1, streamed((4, 4, 4), tokens=12, by="text", reason="stop"), "b1")
    assert stopped.fault == "12 tokens came, 20 were asked"


def test_no_text_at_all_is_no_sample() -> None:
    assert judged(1, streamed((0, 0), tokens=20), "b1").fault == "no token came"
