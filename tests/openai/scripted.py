"""A server that says, byte for byte, what a test wants: odd cases that real ones show rarely."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import trustme

EVENT_STREAM = "text/event-stream; charset=utf-8"
GONE = object()
"""In a script: the connection breaks here."""
RAW = object()
"""First in a script: the next step is the whole answer, its head too, and then it closes."""

Step: TypeAlias = bytes | float | object
"""Bytes to send, seconds to wait, GONE or RAW."""


@cache
def authority() -> trustme.CA:
    """Who signs the certificate of a secure server; nobody trusts it unless told to."""
    return trustme.CA()


def event(payload: Any, end: bytes = b"\n\n") -> bytes:
    data = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return b"data: " + data.encode() + end


def words(text: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": None, **more}]}


def finish(reason: str | None = "length") -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": "", "finish_reason": reason}]}


def usage(prompt: int, completion: int, cached: int | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    return {"choices": [], "usage": told}


class Server:
    """An HTTP server in a thread. What it answers is set before each request."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, Any]] = {}
        """Path -> status and JSON of a GET, or of a POST that does not stream."""
        self.page_head: tuple[str, ...] = ()
        """Lines of the heads of pages besides."""
        self.script: list[Step] = []
        """Of the next answers that stream, after the head."""
        self.status, self.kind = 200, EVENT_STREAM
        self.more: tuple[str, ...] = ()
        """Lines of the head besides."""
        self.bodies: list[Mapping[str, Any]] = []
        """Of all that were posted."""
        self.headers: list[str] = []
        """Heads of all requests, as they came."""
        self.dropped = threading.Event()
        """Set once a client has closed its connection before the script was over."""
        self.connections = 0
        """Accepted so far."""
        self.sent_bytes = 0
        """Of the last answer that streamed."""
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        # A client that breaks off a handshake is no error of ours to log.
        self._loop.set_exception_handler(lambda _loop, _context: None)

    @contextmanager
    def running(self, *, secure: bool = False) -> Iterator[Server]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(secure), self._loop).result(10)
        scheme, port = "https" if secure else "http", listening.sockets[0].getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{port}/v1"
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._end(listening), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def says(self, *steps: Step) -> None:
        """What the next answers stream."""
        self.script, self.status, self.kind, self.more = list(steps), 200, EVENT_STREAM, ()
        self.dropped.clear()

    def hang_up(self) -> None:
        """Close every connection, as a server does whose patience with idle ones is over."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)

    async def _hang_up(self) -> None:
        for writer in tuple(self._writers):
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in tuple(self._writers)))

    async def _listen(self, secure: bool) -> asyncio.Server:
        context = None
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority().issue_cert("127.0.0.1").configure_cert(context)
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)

    async def _end(self, listening: asyncio.Server) -> None:
        listening.close()
        # A TLS connection that is only closed waits for the client to say good-bye.
        for writer in tuple(self._writers):
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.headers.append(head)
        path = head.split(" ", 2)[1]
        body: Mapping[str, Any] = {}
        for line in head.lower().splitlines():
            if line.startswith("content-length:"):
                sent = await reader.readexactly(int(line.partition(":")[2]))
                body = json.loads(sent or b"{}")
                self.bodies.append(body)
        if body.get("stream"):
            await self._stream(reader, writer)
            return
        status, page = self.pages.get(path, (404, {"detail": "Not Found"}))
        content = json.dumps(page(body) if callable(page) else page).encode()
        length = f"content-length: {len(content)}"
        writer.write(_head(status, "application/json", length, *self.page_head))
        writer.write(content)
        await writer.drain()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent_bytes = 0
        raw = RAW in self.script
        if not raw:
            writer.write(_head(self.status, self.kind, "transfer-encoding: chunked", *self.more))
        for step in self.script:
            if step is GONE:
                writer.close()
                raise ConnectionResetError
            if isinstance(step, bytes):
                writer.write(step if raw else b"%x\r\n%b\r\n" % (len(step), step))
                await writer.drain()
                self.sent_bytes += len(step)
            elif isinstance(step, float):
                await self._pause(step, reader)
        if raw:
            raise ConnectionResetError
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _pause(self, seconds: float, reader: asyncio.StreamReader) -> None:
        """Wait, or notice that the client has gone."""
        try:
            await asyncio.wait_for(reader.read(1), seconds)
        except TimeoutError:
            return
        self.dropped.set()
        raise ConnectionResetError


def _head(status: int, kind: str, *more: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} X", f"content-type: {kind}", *more, "", "")).encode()


def until(condition: Any, seconds: float = 10.0) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def completion(prompt_tokens: int | None) -> dict[str, Any]:
    """An answer that does not stream, as the trial at load wants it."""
    told = {} if prompt_tokens is None else {"usage": {"prompt_tokens": prompt_tokens}}
    return {"choices": [{"text": "x", "finish_reason": "length"}], **told}


def schema(path: str, fields: Iterable[str]) -> dict[str, Any]:
    """An OpenAPI document that names these fields."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}}
    return {
        "info": {"title": "Scripted", "version": "1.2"},
        "paths": {path: {"post": {"requestBody": body}}},
        "components": {"schemas": {"Body": {"properties": {name: {} for name in fields}}}},
    }
