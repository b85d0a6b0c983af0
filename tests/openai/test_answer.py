"""What the events of an answer become, whatever the server adds to them or leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crossbench.api import Chunk, RequestError
from crossbench_openai.answer import EVENTS_PER_TOKEN, Answer
from tests.openai.scripted import finish, usage, words


def read(answer: Answer, *payloads: Any) -> Chunk | None:
    return answer.read([json.dumps(payload).encode() for payload in payloads])


def delta(**content: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": None}]}


def counted(payload: dict[str, Any], tokens: int) -> dict[str, Any]:
    return payload | {"usage": {"prompt_tokens": 5, "completion_tokens": tokens}}


def letters(text: str) -> int:
    return len(text)


def test_several_tokens_of_one_event_are_one_chunk() -> None:
    answer = Answer(10)
    chunk = read(answer, words(" is cold now", token_ids=[7, 8, 9]))
    assert chunk == Chunk((7, 8, 9), " is cold now")
    read(answer, finish())
    last = answer.last(None, letters)
    assert last.token_ids == ()
    assert last.finish is not None
    assert last.finish.output_tokens is None


def test_counts_so_far_become_counts_of_each_chunk() -> None:
    answer = Answer(10)
    assert read(answer, counted(delta(role="assistant", content=""), 0)) is None
    assert read(answer, counted(delta(content=" is"), 1)) == Chunk(None, " is", None, 1)
    both = read(answer, counted(delta(content=" cold"), 3), counted(delta(content=" now"), 6))
    assert both == Chunk(None, " cold now", None, 5)
    half_a_character = read(answer, counted(delta(content=""), 7))
    assert half_a_character == Chunk(None, None, None, 1)
    assert read(answer, finish(), usage(5, 7)) is None
    last = answer.last(range(5), letters).finish
    assert last is not None
    assert (last.output_tokens, last.counted_by) == (7, "usage")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_output_and_marked_as_what_it_is(name: str) -> None:
    answer = Answer(10)
    assert read(answer, delta(role="assistant", content="")) is None
    assert read(answer, delta(**{name: "hm"})) == Chunk(None, "hm", None, None, True)
    both = read(answer, delta(**{name: "so"}), delta(content=" ok"))
    assert both == Chunk(None, "so ok", None, None, False)
    told = usage(5, 3)
    told["usage"]["completion_tokens_details"] = {"reasoning_tokens": 2}
    read(answer, finish("stop"), told)
    last = answer.last(None, letters).finish
    assert last is not None
    assert (last.output_tokens, last.reasoning_tokens) == (3, 2)


def test_without_usage_the_text_is_counted_reasoning_and_all() -> None:
    answer = Answer(10)
    read(answer, delta(reasoning="hm"), delta(content=" ok"))
    read(answer, finish())
    last = answer.last(None, letters).finish
    assert last is not None
    assert (last.output_tokens, last.counted_by, last.reasoning_tokens) == (5, "text", None)


def test_a_servers_own_figures_are_kept_beside() -> None:
    answer = Answer(10)
    read(answer, words("a"))
    timings = {"cache_n": 3, "draft_n": 8, "draft_n_accepted": 6, "prompt_per_second": 99.5}
    read(answer, finish() | {"timings": timings}, usage(5, 4))
    last = answer.last(range(5), letters).finish
    assert last is not None
    assert last.cached_prompt_tokens == 3
    assert (last.drafted_tokens, last.accepted_tokens) == (8, 6)
    assert last.native == {"prompt_tokens": 5, "prompt_per_second": 99.5}


def test_usage_of_a_cache_wins_over_timings() -> None:
    answer = Answer(10)
    read(answer, words("a"))
    read(answer, finish() | {"timings": {"cache_n": 3}}, usage(5, 4, cached=0))
    last = answer.last(range(5), letters).finish
    assert last is not None
    assert last.cached_prompt_tokens == 0


def test_an_answer_that_never_ends_is_broken_off() -> None:
    answer = Answer(4)
    whole = 64 + 4 * EVENTS_PER_TOKEN
    for _ in range(whole):
        assert read(answer, words("a"))
    with pytest.raises(RequestError, match="goes on beyond 8 events a token"):
        read(answer, words("a"))


def test_ids_of_a_part_are_no_count() -> None:
    answer = Answer(4)
    read(answer, words("a", token_ids=[1]))
    with pytest.raises(RequestError, match="ids with a part of its answer"):
        read(answer, words("b"))


def test_a_key_in_a_servers_error_is_blotted_out() -> None:
    answer = Answer(4, "s3cret")
    with pytest.raises(RequestError) as caught:
        read(answer, {"error": {"message": "no key like s3cret here"}})
    assert "no key like *** here" in str(caught.value)
