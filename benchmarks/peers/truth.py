"""A server on a schedule that writes down when it really sent each token.

`python -m benchmarks.peers.truth --stamps FILE [--port N] ...` prints its address, serves until
SIGTERM, then writes FILE: one JSON object a request. A request's text holds its number, so that
what a client claims of it can be laid beside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

WORDS = (" the", " and")
"""The digits 0 and 1 of a request's number: each one token, and both of one length."""
DIGITS = 16
HEAD = b"HTTP/1.1 %b\r\ncontent-type: %b\r\n%b\r\n\r\n"
MODEL = "scripted"


class Sent(Struct, frozen=True, kw_only=True):
    """One request as the server knows it; all in nanoseconds of this machine's monotonic clock."""

    number: int
    header: str | None
    """The client's `X-Request-ID`, if it sent one."""
    received_ns: int
    """When its last byte had arrived."""
    emitted_ns: tuple[int, ...]
    """Just before each token was handed to the kernel."""

    @property
    def ttft_ns(self) -> int:
        """From the request to the first token."""
        return self.emitted_ns[0] - self.received_ns

    @property
    def tpot_ns(self) -> float:
        """Between two tokens, on average."""
        return (self.emitted_ns[-1] - self.emitted_ns[0]) / (len(self.emitted_ns) - 1)


def words(number: int, tokens: int) -> list[str]:
    """The text of an answer, word by word: the number in binary, its lowest digit first."""
    return [WORDS[number >> place & 1] for place in range(min(DIGITS, tokens))] + [
        WORDS[0] for _ in range(tokens - DIGITS)
    ]


def number(text: str) -> int:
    """The number in the text of an answer."""
    told = text.split()[:DIGITS]
    return sum(1 << place for place, word in enumerate(told) if word == WORDS[1].strip())


def read(stamps: Path) -> list[Sent]:
    """What a server wrote down."""
    return [msgspec.json.decode(line, type=Sent) for line in stamps.read_bytes().splitlines()]


class Schedule(Struct, frozen=True, kw_only=True):
    """When tokens are due, in seconds."""

    ttft_s: float
    gap_s: float
    tokens: int
    """Of a request that does not say."""


class Server:
    """All connections of one run."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.sent: list[Sent] = []
        self._next = 0

    def numbered(self) -> int:
        """The number of the next request that streams."""
        self._next += 1
        return self._next

    async def serve(self, port: int) -> None:
        """Until SIGTERM."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        listening = await loop.create_server(lambda: Client(self), "127.0.0.1", port, backlog=4096)
        print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
        await ended.wait()


class Client(asyncio.Protocol):
    """One connection: a request at a time, its answer written when it is due."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Write no more."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        received = time.perf_counter_ns()
        self._pending += data
        head, mark, rest = self._pending.partition(b"\r\n\r\n")
        if not mark:
            return
        fields = _fields(head)
        length = int(fields.get("content-length", "0"))
        if len(rest) < length:
            return
        self._pending = rest[length:]
        path = head.split(b" ", 2)[1].decode()
        body = json.loads(rest[:length]) if length else {}
        self._answer(path, body, fields.get("x-request-id"), received)

    def _answer(self, path: str, body: Any, header: str | None, received: int) -> None:
        if path == "/v1/models":
            self._say({"object": "list", "data": [{"id": MODEL, "owned_by": "scripted"}]})
        elif path == "/health":
            self._say({})
        elif path not in ("/v1/completions", "/v1/chat/completions"):
            self._say({"detail": "Not Found"}, b"404 Not Found")
        elif not body.get("stream"):
            self._say(_whole(body, path))
        else:
            Stream(self, self._server, path, body, header, received).begin()

    def _say(self, payload: Any, status: bytes = b"200 OK") -> None:
        content = msgspec.json.encode(payload)
        length = b"content-length: %d" % len(content)
        self.write(HEAD % (status, b"application/json", length) + content)

    def write(self, data: bytes) -> bool:
        """Hand it to the kernel; whether anybody is there."""
        if self._transport is None:
            return False
        self._transport.write(data)
        return True


class Stream:
    """One answer on its way."""

    def __init__(
        self,
        client: Client,
        server: Server,
        path: str,
        body: Any,
        header: str | None,
        received_ns: int,
    ) -> None:
        self._client = client
        self._server = server
        self._header = header
        self._received_ns = received_ns
        self._number = server.numbered()
        tokens = body.get("max_tokens") or body.get("max_completion_tokens")
        self._events = events(path, words(self._number, tokens or server.schedule.tokens), body)
        self._stamps: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + server.schedule.ttft_s

    def begin(self) -> None:
        """The head at once, the first token when it is due."""
        self._client.write(HEAD % (b"200 OK", b"text/event-stream", b"transfer-encoding: chunked"))
        self._loop.call_at(self._due, self._token)

    def _token(self) -> None:
        event = self._events[len(self._stamps)]
        self._stamps.append(time.perf_counter_ns())
        if not self._client.write(event):
            return
        if len(self._stamps) < len(self._events):
            self._due += self._server.schedule.gap_s
            self._loop.call_at(self._due, self._token)
            return
        self._server.sent.append(
            Sent(
                number=self._number,
                header=self._header,
                received_ns=self._received_ns,
                emitted_ns=tuple(self._stamps),
            )
        )


def events(path: str, text: list[str], body: Any) -> list[bytes]:
    """What goes over the wire for each token, made before anything is due."""
    pieces = [_chunk({"choices": [_choice(path, word, None)]}) for word in text[:-1]]
    usage = _usage(body, len(text))
    last = (
        _chunk({"choices": [_choice(path, text[-1], "length")]})
        + _chunk({"choices": [], "usage": usage})
        + _framed(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )
    return [*pieces, last]


def _choice(path: str, word: str, finish: str | None) -> dict[str, Any]:
    grown: dict[str, Any] = {"delta": {"content": word}} if "chat" in path else {"text": word}
    return {"index": 0, **grown, "finish_reason": finish}


def _chunk(payload: dict[str, Any]) -> bytes:
    whole = {"id": "cmpl", "object": "text_completion", "created": 0, "model": MODEL, **payload}
    return _framed(b"data: " + msgspec.json.encode(whole) + b"\n\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(body: Any, tokens: int) -> dict[str, int]:
    prompt = body.get("prompt")
    asked = len(prompt) if isinstance(prompt, list) else 32
    return {"prompt_tokens": asked, "completion_tokens": tokens, "total_tokens": asked + tokens}


def _whole(body: Any, path: str) -> dict[str, Any]:
    tokens = body.get("max_tokens") or 1
    text = "".join(words(0, tokens))
    grown: dict[str, Any] = (
        {"message": {"role": "assistant", "content": text}} if "chat" in path else {"text": text}
    )
    choice = {"index": 0, **grown, "finish_reason": "length"}
    return {"id": "cmpl", "model": MODEL, "choices": [choice], "usage": _usage(body, tokens)}


def _fields(head: bytes) -> dict[str, str]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.decode().lower(): value.strip().decode() for name, _, value in lines}


def main() -> None:
    """Serve until SIGTERM, then write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.truth", description=__doc__)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ttft", type=float, default=0.2, help="seconds")
    parser.add_argument("--gap", type=float, default=0.02, help="seconds")
    parser.add_argument("--tokens", type=int, default=64)
    given = parser.parse_args()
    server = Server(Schedule(ttft_s=given.ttft, gap_s=given.gap, tokens=given.tokens))
    asyncio.run(server.serve(given.port))
    lines = (msgspec.json.encode(sent) + b"\n" for sent in server.sent)
    given.stamps.write_bytes(b"".join(lines))


if __name__ == "__main__":
    main()
