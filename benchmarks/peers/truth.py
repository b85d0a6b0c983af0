"""A server on a schedule that writes down when it really sent each token.

`python -m benchmarks.peers.truth --stamps FILE [--port N] ...` prints its address, serves until
SIGTERM, then writes FILE: one JSON object a request. A request's text holds its number, so that
what a client claims of it can be laid beside.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.peers import answers

HEAD = b"HTTP/1.1 %b\r\ncontent-type: %b\r\n%b\r\n\r\n"
STREAMED = HEAD % (b"200 OK", b"text/event-stream", b"transfer-encoding: chunked")
READ_BYTES = 1 << 16
SO_TIMESTAMPNS = 35
"""Linux's asm-generic/socket.h: the kernel says beside what it brings when that came."""
TIMESPEC = struct.Struct("qq")
NS = 1_000_000_000


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
        with listener(port) as listening:
            loop.add_reader(listening, self._accept, loop, listening)
            print(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
            await ended.wait()
            loop.remove_reader(listening)

    def _accept(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        Client(self, loop, listening.accept()[0])


def listener(port: int) -> socket.socket:
    """A socket for connections whose bytes the kernel stamps as they come, on Linux."""
    listening = socket.create_server(("127.0.0.1", port), backlog=4096)
    listening.setblocking(False)
    if sys.platform == "linux":  # inherited by what it accepts
        listening.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return listening


class Client:
    """One connection: a request at a time, its answer written when it is due.

    On the bare socket, because the kernel tells there when a request came: of many that come at
    once the last is read late, which is the server's delay and no client's.
    """

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, connection: socket.socket
    ) -> None:
        self._server = server
        self._loop = loop
        self._socket = connection
        self._pending = b""
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.add_reader(connection, self._read)

    def _read(self) -> None:
        """Answer once the request is whole."""
        try:
            data, notes, _, _ = self._socket.recvmsg(READ_BYTES, socket.CMSG_SPACE(TIMESPEC.size))
        except ConnectionError:
            data, notes = b"", []
        received_ns = _arrived(notes)
        if not data:
            self._close()
            return
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
        body = msgspec.json.decode(rest[:length]) if length else {}
        self._answer(path, body, fields.get("x-request-id"), received_ns)

    def _answer(self, path: str, body: Any, header: str | None, received_ns: int) -> None:
        if path == "/v1/models":
            self._say(answers.MODELS)
        elif path == "/health":
            self._say({})
        elif path not in ("/v1/completions", "/v1/chat/completions"):
            self._say({"detail": "Not Found"}, b"404 Not Found")
        elif not body.get("stream"):
            self._say(answers.whole(path, body))
        else:
            Stream(self, self._server, self._loop, header, received_ns).begin(path, body)

    def _say(self, payload: Any, status: bytes = b"200 OK") -> None:
        content = msgspec.json.encode(payload)
        length = b"content-length: %d" % len(content)
        self.write(HEAD % (status, b"application/json", length) + content)

    def write(self, data: bytes) -> bool:
        """Hand it to the kernel; whether anybody is there who takes it."""
        try:
            taken = self._socket.send(data)
        except OSError:
            taken = 0
        if taken < len(data):
            self._close()
        return taken == len(data)

    def _close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()


class Stream:
    """One answer on its way."""

    def __init__(
        self,
        client: Client,
        server: Server,
        loop: asyncio.AbstractEventLoop,
        header: str | None,
        received_ns: int,
    ) -> None:
        self._client = client
        self._server = server
        self._loop = loop
        self._header = header
        self._received_ns = received_ns
        self._number = server.numbered()
        self._events: list[bytes] = []
        self._stamps: list[int] = []
        late_s = (time.perf_counter_ns() - received_ns) / NS
        self._due = loop.time() - late_s + server.schedule.ttft_s

    def begin(self, path: str, body: Any) -> None:
        """The head at once, the first token when it is due."""
        self._client.write(STREAMED)
        tokens = body.get("max_tokens") or body.get("max_completion_tokens")
        text = answers.words(self._number, tokens or self._server.schedule.tokens)
        self._events = answers.events(path, text, body)
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


def _arrived(notes: Iterable[tuple[int, int, bytes]]) -> int:
    """When the kernel got what was just read, by `perf_counter_ns`; now, where it does not tell."""
    now, wall = time.perf_counter_ns(), time.time_ns()
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, rest = TIMESPEC.unpack(data)
            late: int = wall - seconds * NS - rest
            return now - late
    return now


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
