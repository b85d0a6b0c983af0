"""Servers that redirect, present what nobody signed, drip, or never end: errors within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.openai.conftest import PROMPT, Start, Target, failure
from tests.openai.scripted import (
    RAW,
    Server,
    authority,
    completion,
    event,
    finish,
    usage,
    words,
)
from tests.openai.test_streams import ENDED, TWO, content

pytestmark = [pytest.mark.engine("openai")]


def peak_bytes(target: Target) -> int:
    """The most memory that the worker has had; 0 where /proc does not tell (not on Linux)."""
    status = Path(f"/proc/{target.worker.pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def test_a_certificate_that_nobody_signed_ends_the_launch(start: Start) -> None:
    with Server().running(secure=True) as secure:
        kind, told = failure(start, secure.url)
    assert kind == "startup"
    assert told.startswith(f"{secure.url} cannot be trusted: ")
    assert "unable to get local issuer certificate" in told
    assert told.endswith("correct base_url, or name the authority's file in SSL_CERT_FILE")


def test_a_certificate_of_a_named_authority_is_trusted(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(named))
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    with Server().running(secure=True) as secure:
        secure.pages["/v1/models"] = 200, {"data": [{"id": "tiny", "owned_by": "scripted"}]}
        secure.pages["/v1/completions"] = 200, lambda body: completion(len(body["prompt"]))
        secure.says(event(words(" is")), event(finish()), event(usage(len(PROMPT), 1)))
        target = start()
        target.load(secure.url)
        assert target.record(tokens=1).failure is None


def test_a_redirect_is_not_followed(start: Start, fresh: Server) -> None:
    with Server().running() as other:
        fresh.pages["/v1/models"] = 307, {}
        fresh.page_head = (f"location: {other.url}/models?token=s3cret",)
        kind, told = failure(start, fresh.url)
        assert other.connections == 0
    assert kind == "startup"
    assert f"the server answered 307: {{}}; it points to {other.url}/models" in told
    assert "redirects are not followed" in told
    assert "s3cret" not in told


def test_a_page_without_an_end_is_an_error_within_bounds(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/models"] = 200, "x" * (40 << 20)
    kind, told = failure(start, fresh.url)
    assert (kind, told) == ("startup", "models of the server holds more than 33554432 bytes")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_timed_is_sent_once(target: Target, server: Server, status: int) -> None:
    server.says()
    server.status, server.more = status, ("retry-after: 0",)
    before = len(server.bodies)
    assert f"answered {status}" in target.failure()
    assert len(server.bodies) == before + 1


def test_a_redirect_of_a_stream_is_not_followed(target: Target, server: Server) -> None:
    server.says()
    server.status, server.more = 307, ("location: http://127.0.0.1:9/v1/completions",)
    told = target.failure()
    assert "answered 307: nothing; it points to http://127.0.0.1:9/v1/completions" in told


HUGE = 100 << 20


@pytest.mark.parametrize("begin", [b"data: ", b": ping ", b"data: {}\n"])
def test_a_line_of_100_mb_is_an_error_within_bounds(
    target: Target, server: Server, begin: bytes
) -> None:
    piece = b"x" * (1 << 20)
    server.says(begin, *(piece for _ in range(HUGE >> 20)), b"\n\n")
    before = peak_bytes(target)
    assert target.failure() == "the server sent an event of more than 32 MiB"
    assert peak_bytes(target) - before < HUGE
    assert server.sent_bytes < HUGE
    server.says(*TWO, *ENDED)
    assert target.record().failure is None


NESTED = b'{"x": ' + b"[" * 100_000


def test_json_nested_beyond_reason_costs_one_request(target: Target, server: Server) -> None:
    server.says(b"data: ", NESTED, b"\n\n")
    assert "the server streamed what is no event" in target.failure()
    server.says(*TWO, *ENDED)
    assert target.record().failure is None


NO_HTTP, TOO_LONG = "what it sent is no HTTP (HttpParser", "it sent over 64 KiB that are no answer"


CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


HEADS = {
    "a long line": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * (1 << 20), TOO_LONG),
    "noise": (b"x" * (1 << 20), NO_HTTP),
    "another protocol": (b"SSH-2.0-OpenSSH_9\r\n", NO_HTTP),
    "a frame that never ends": (CHUNKED + b"1;x=" + b"y" * (1 << 20), TOO_LONG),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_is_none_is_an_error_within_bounds(
    target: Target, server: Server, head: str
) -> None:
    sent, cause = HEADS[head]
    server.says(RAW, sent)
    assert target.failure().startswith(f"the connection to the server broke: {cause}")


def test_a_head_that_only_announces_another_is_passed_over(target: Target, server: Server) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    server.says(RAW, b"HTTP/1.1 100 Continue\r\n\r\n", head, TWO[0], b"".join(ENDED))
    assert target.record().text == " is"


def test_a_head_that_drips_is_given_so_long_and_no_longer(target: Target, server: Server) -> None:
    head = b"HTTP/1.1 200 OK\r\nx: yyyyyyyyyyy"
    server.says(RAW, *(step for byte in head for step in (bytes([byte]), 0.1)))
    assert target.failure() == "the server had not answered after 0.5 s (read_timeout_s)"


def test_an_answer_that_drips_is_read_to_its_end(target: Target, server: Server) -> None:
    whole = TWO[0] + TWO[1]
    drops = (step for at in range(0, len(whole), 8) for step in (whole[at : at + 8], 0.01))
    server.says(*drops, *ENDED)
    assert content(target.record()) == [3, 5]


def test_a_server_that_closes_after_each_answer_is_used_all_the_same(
    target: Target, server: Server
) -> None:
    answer = b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + TWO[0] + TWO[1]
    server.says(RAW, answer, b"".join(ENDED))
    assert target.record().text == " is cold"
    assert target.record().text == " is cold"
