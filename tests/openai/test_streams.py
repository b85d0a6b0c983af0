"""What a server may stream, cut and spoil, as the host's driver then records it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from crossbench.api import Request
from crossbench.worker.protocol import Record
from tests.openai.conftest import PROMPT, Target
from tests.openai.scripted import GONE, Server, event, finish, usage, words

pytestmark = [pytest.mark.engine("openai")]
P = len(PROMPT)
DONE = event("[DONE]")
TWO = (event(words(" is")), event(words(" cold")))
ENDED = (event(finish()), event(usage(P, 4)), DONE)


def content(record: Record) -> list[int]:
    """Bytes of text in each chunk that has some."""
    assert record.failure is None
    return [size for size in record.text_bytes if size]


def test_text_is_stamped_as_it_comes_and_counted_by_the_servers_usage(
    target: Target, server: Server
) -> None:
    server.says(TWO[0], 0.1, TWO[1], 0.1, *ENDED)
    record = target.record()
    assert content(record) == [3, 5]
    assert record.text == " is cold"
    assert record.token_ids is None
    first, second = record.stamps_ns[:2]
    assert second - first > 90_000_000
    assert record.finish is not None
    assert (record.finish.output_tokens, record.finish.counted_by) == (4, "usage")
    assert record.finish.cached_prompt_tokens is None
    assert record.finish.native == {"prompt_tokens": P}


def test_without_usage_the_whole_text_is_tokenised_again(target: Target, server: Server) -> None:
    server.says(*(event(words(piece)) for piece in (" T", "he")), event(finish()), DONE)
    finished = target.record(tokens=50).finish
    assert finished is not None
    assert (finished.output_tokens, finished.counted_by) == (1, "text")


def test_usage_may_come_before_the_finish(target: Target, server: Server) -> None:
    server.says(*TWO, event(usage(P, 4)), event(finish()), DONE)
    finished = target.record().finish
    assert finished is not None
    assert (finished.output_tokens, finished.counted_by) == (4, "usage")


def test_ids_that_the_server_sends_are_the_tokens(target: Target, server: Server) -> None:
    server.says(
        event(words(" is", token_ids=[300, 301], prompt_token_ids=list(PROMPT))),
        0.05,
        event(words("", token_ids=[302])),
        0.05,
        *(event(finish()), event(usage(P, 99, cached=0)), DONE),
    )
    record = target.record()
    assert record.token_ids == (300, 301, 302)
    assert [count for count in record.counts if count] == [2, 1]
    assert record.finish is not None
    assert (record.finish.output_tokens, record.finish.cached_prompt_tokens) == (None, 0)


def test_events_of_one_read_are_one_chunk(target: Target, server: Server) -> None:
    server.says(TWO[0] + TWO[1] + event(words(" now")), 0.1, event(words(" ok")), *ENDED)
    assert content(target.record()) == [3 + 5 + 4, 3]


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\r", b"\n\n"])
def test_lines_may_end_in_any_way(target: Target, server: Server, end: bytes) -> None:
    steps = [event(words(piece), end) for piece in (" is", " cold")]
    server.says(*steps, event(finish(), end), event(usage(P, 4), end), event("[DONE]", end))
    assert target.record().text == " is cold"


def test_an_event_may_come_byte_by_byte(target: Target, server: Server) -> None:
    whole = event(words(" \u4f60\U0001f600"), b"\r\n\r\n") + b"".join(ENDED)
    server.says(*(whole[at : at + 1] for at in range(len(whole))))
    record = target.record()
    assert record.text == " \u4f60\U0001f600"
    assert len(content(record)) == 1


def test_separators_of_unicode_do_not_end_a_line(target: Target, server: Server) -> None:
    server.says(event(words("a\u2028b\u0085c")), *ENDED)
    assert target.record().text == "a\u2028b\u0085c"


def test_comments_ids_and_other_fields_are_passed_over(target: Target, server: Server) -> None:
    noise = b": ping\n\nretry: 10\n\nid: 7\nevent: message\n"
    server.says(noise, TWO[0], b": ping\r\n\r\n", 0.05, noise + TWO[1], *ENDED)
    assert content(target.record()) == [3, 5]


def test_keep_alive_comments_hold_a_slow_answer_open(target: Target, server: Server) -> None:
    waiting = [step for _ in range(3) for step in (b": ping\n\n", 0.3)]
    server.says(*waiting, TWO[0], *ENDED)
    record = target.record()
    assert record.stamps_ns[0] > 800_000_000


def test_an_answer_without_the_final_mark_is_whole_by_its_finish(
    target: Target, server: Server
) -> None:
    server.says(*TWO, event(finish("stop")))
    finished = target.record().finish
    assert finished is not None
    assert finished.reason == "stop"


def test_a_role_alone_is_no_token_and_reasoning_is_marked(target: Target, server: Server) -> None:
    role = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
    reasoning = {"choices": [{"delta": {"reasoning_content": "hm"}}]}
    content_ = {"choices": [{"delta": {"content": " ok"}, "finish_reason": "length"}]}
    server.says(event(role), 0.1, event(reasoning), 0.05, event(content_), event(usage(P, 2)))
    record = target.record()
    assert content(record) == [2, 3]
    assert record.stamps_ns[0] > 90_000_000
    assert record.text == "hm ok"


def test_counts_so_far_count_each_chunk(target: Target, server: Server) -> None:
    steps = [
        event(words(text) | {"usage": {"prompt_tokens": P, "completion_tokens": so_far}})
        for text, so_far in ((" is", 2), (" cold", 5))
    ]
    server.says(steps[0], 0.1, steps[1], *ENDED[:1], event(usage(P, 5)), DONE)
    record = target.record()
    assert record.failure is None
    assert [count for count in record.counts if count] == [2, 3]
    assert record.finish is not None
    assert (record.finish.output_tokens, record.finish.counted_by) == (5, "usage")


BROKEN: dict[str, tuple[tuple[Any, ...], str]] = {
    "connection": ((*TWO, GONE), "the connection to the server broke: "),
    "before anything": ((GONE,), "the connection to the server broke: "),
    "silence": ((TWO[0], 1.0), r"sent nothing for 0\.5 s \(read_timeout_s\)"),
    "no finish": ((*TWO, DONE), "without a finish_reason, so it broke"),
    "an end of its own": (
        (*TWO, event(finish("content_filter"))),
        "finish_reason 'content_filter'",
    ),
    "error event": (
        (TWO[0], event({"error": {"message": "CUDA out of memory", "code": 500}}), DONE),
        "the server broke off: CUDA out of memory$",
    ),
    "older error event": (
        (event({"object": "error", "message": "no room"}), DONE),
        "the server broke off: no room$",
    ),
    "no JSON": ((TWO[0], event("<html>busy</html>")), "is no event .*<html>busy</html>"),
    "other JSON": ((event([1, 2]),), r"is no event .*\[1, 2\]"),
    "wrong types": ((event(words("x", token_ids=["a"])),), "is no event"),
    "half a character": ((event("x").replace(b"x", b'{"object": "\xff"}'),), "is no event"),
    "ids in part": (
        (event(words("a", token_ids=[300])), event(words("b")), *ENDED),
        "token ids with a part of its answer only",
    ),
    "other prompt length": (
        (*TWO, event(finish()), event(usage(P + 1, 4))),
        f"counted {P + 1} prompt tokens where {P} were meant; a BOS put twice",
    ),
    "other prompt ids": (
        (event(words("a", token_ids=[300], prompt_token_ids=[0, 0, *PROMPT[1:]])), *ENDED),
        rf"other prompt ids: {P + 1} instead of {P}, from place 1 on \[0, 296",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_answer_fails_its_request_and_nothing_else(
    target: Target, server: Server, case: str
) -> None:
    steps, message = BROKEN[case]
    server.says(*steps)
    told = target.failure()
    assert re.search(message, told), told
    server.says(*TWO, *ENDED)
    assert target.record().failure is None


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, {"error": {"message": "no such model"}}, "404: no such model; look at base_url"),
        (401, {"detail": "Invalid API key"}, "401: Invalid API key; name the variable"),
        (422, {"detail": [{"msg": "wrong"}]}, r'422: \[\{"msg":"wrong"\}\]'),
        (500, "x" * 10_000, "500: x{500}[.]{3}$"),
        (429, {"error": {"message": "too many"}}, "429: too many; it has more to do .* sent twice"),
        (503, "", "503: nothing; it is not ready, or has too much to do"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    target: Target, server: Server, status: int, body: Any, message: str
) -> None:
    server.says(body.encode() if isinstance(body, str) else json.dumps(body).encode())
    if not body:
        server.says()
    server.status, server.kind = status, "application/json"
    told = target.failure()
    assert re.search(message, told), told


def test_an_answer_that_is_no_stream_is_refused(target: Target, server: Server) -> None:
    server.says(b'{"choices": []}')
    server.kind = "application/json"
    assert "content type application/json; a text/event-stream is needed" in target.failure()


def test_a_connection_closed_while_idle_is_opened_again_before_it_counts(
    target: Target, server: Server
) -> None:
    server.says(*TWO, *ENDED)
    target.record()
    server.hang_up()
    assert target.record().failure is None


def test_as_many_connections_are_open_as_were_last_needed(target: Target, server: Server) -> None:
    server.says(TWO[0], 0.2, TWO[1], *ENDED)
    requests = [Request(id=str(n), prompt_ids=PROMPT, max_tokens=4) for n in range(4)]
    target.records(*requests, streams=4)
    server.hang_up()
    before, posted = server.connections, len(server.headers)
    target.record()
    assert server.connections == before + 4
    first_post = next(
        at for at, head in enumerate(server.headers[posted:]) if head.startswith("POST")
    )
    assert first_post == 4


def test_several_requests_run_at_once(target: Target, server: Server) -> None:
    server.says(TWO[0], 0.3, TWO[1], *ENDED)
    requests = [Request(id=str(n), prompt_ids=PROMPT, max_tokens=4) for n in range(4)]
    records = target.records(*requests, streams=4)
    assert all(record.failure is None for record in records)
    begin = max(record.t0_ns for record in records)
    assert all(begin < record.t0_ns + record.stamps_ns[-1] for record in records)
    assert begin - min(record.t0_ns for record in records) < 250_000_000


def test_a_connection_is_used_again(target: Target, server: Server) -> None:
    server.says(*TWO, *ENDED)
    target.record()
    ports = server.connections
    target.record()
    assert server.connections == ports


def test_forced_ids_are_refused(target: Target) -> None:
    told = target.failure(tokens=2, forced_ids=(5, 6))
    assert told == "no server takes ids to decode along"
