"""Against `mlx_lm.server`: text in, text out, the engine's own count, its length by a bias."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from crossbench.api import Request
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.worker.protocol import Ready, Record
from tests.conftest import TINY
from tests.openai import inprocess, servers
from tests.openai.conftest import Start, Target

pytestmark = [
    pytest.mark.engine("openai"),
    pytest.mark.engine("mlx"),
]
TEXT = "The river is cold in the morning. The teacher"
QUESTION = "<|bos|><|user|>What is the capital of France?<|end|>\n<|assistant|>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.mlx_lm(tmp_path_factory.mktemp("mlx_lm")) as address:
        yield address


@pytest.fixture(scope="module")
def loaded(start: Start, url: str) -> tuple[Target, Ready]:
    target = start()
    return target, target.load(url)


@pytest.fixture
def target(loaded: tuple[Target, Ready]) -> Target:
    return loaded[0]


@pytest.fixture(scope="module")
def tokenizer() -> CanonicalTokenizer:
    return CanonicalTokenizer.load(TINY)


def test_what_it_tells_of_itself(loaded: tuple[Target, Ready]) -> None:
    told = loaded[1].loaded
    settings = {name: fact.value for name, fact in told.settings.items()}
    assert settings["server"] == "mlx-lm"
    assert settings["prompt sent as"] == "text"
    assert settings["BOS put by the server"] is True
    assert settings["length forced by"] == "logit_bias"
    assert told.ignored == ("stop ids",)


def test_tokens_and_speed_are_those_of_the_engine_in_process(
    target: Target, tokenizer: CanonicalTokenizer, tmp_path: Path
) -> None:
    requests = [
        Request(id=str(n), prompt_ids=tokenizer.encode(TEXT + " is" * n), max_tokens=48)
        for n in range(4)
    ]
    behind = [target.records(request)[0] for request in requests]
    with inprocess.session("mlx", TINY, {}, tmp_path) as inside:
        within = [inprocess.record(inside, request) for request in requests]
    for one, other in zip(behind, within, strict=True):
        # The server drops the first space, and cannot go on after an end of text, only bar it.
        shared = before_an_end(other.token_ids or (), tokenizer.eos_ids)
        assert len(shared) > 16
        assert (one.text or "").startswith(tokenizer.text_of(shared).decode().lstrip())
        assert one.finish is not None
        assert (one.finish.reason, one.finish.output_tokens) == ("length", 48)
    assert 0.3 < inprocess.pace(behind) / inprocess.pace(within) < 8


def before_an_end(ids: Sequence[int], ends: Container[int]) -> tuple[int, ...]:
    return tuple(takewhile(lambda token: token not in ends, ids))


def test_its_own_count_is_taken_and_the_prompt_was_cold(
    target: Target, tokenizer: CanonicalTokenizer
) -> None:
    ids = tokenizer.encode(TEXT)
    for _ in range(2):
        record = target.record(tokens=12, prompt=ids)
        assert record.failure is None
        assert record.finish is not None
        assert (record.finish.output_tokens, record.finish.counted_by) == (12, "usage")
        assert record.finish.native == {"prompt_tokens": len(ids)}
        assert record.finish.cached_prompt_tokens == 0


def test_an_end_of_its_own_is_told_as_one(target: Target, tokenizer: CanonicalTokenizer) -> None:
    prompt, ends = tokenizer.encode(QUESTION), tuple(tokenizer.eos_ids)
    natural = target.record(tokens=60, prompt=prompt, stop_ids=ends).finish
    forced = target.record(tokens=60, prompt=prompt).finish
    assert natural is not None
    assert forced is not None
    assert natural.reason == "stop"
    assert (natural.output_tokens or 99) < 60
    assert (forced.reason, forced.output_tokens) == ("length", 60)


def test_several_requests_run_at_once(target: Target, tokenizer: CanonicalTokenizer) -> None:
    """It would answer requests that bring a seed one by one."""
    ids = tokenizer.encode(TEXT)
    alone = target.record(tokens=48, prompt=ids).text
    requests = [Request(id=str(n), prompt_ids=ids, max_tokens=48) for n in range(3)]
    records = target.records(*requests, streams=3)
    assert [record.failure for record in records] == [None] * 3
    assert {record.text for record in records} == {alone}
    assert max(map(first_ns, records)) < min(map(last_ns, records))


def first_ns(record: Record) -> int:
    return record.t0_ns + record.stamps_ns[0]


def last_ns(record: Record) -> int:
    return record.t0_ns + record.stamps_ns[-1]


def test_a_chat_is_answered_under_its_own_template(start: Start, url: str) -> None:
    target = start()
    ready = target.load(url, api="chat")
    record = target.record(tokens=8)
    assert "prompt ids" in ready.loaded.ignored[0]
    assert record.failure is None
    assert record.finish is not None
    assert record.finish.counted_by == "usage"
    assert 0 < (record.finish.output_tokens or 0) <= 8
