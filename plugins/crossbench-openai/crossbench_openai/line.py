"""One connection to a server: bytes go out whole, an answer comes in piece by piece.

HTTP/1.1 over asyncio's transports, read by httptools, the parser of llhttp that uvicorn stands on.
General clients are convenient and cost time where it is measured: aiohttp on Python 3.11 hands a
body to the kernel one turn of the event loop after its head, so that of many requests made at once
each waits for all; docs/peers.md has the figures. Here a request leaves in the call that makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httptools

from crossbench_openai.bell import Bell

BLANK_BYTES = 64 << 10
"""Most that may come without a byte of a body in it: a head, a trailer, the frame of a chunk."""
INFORMATIONAL = range(100, 200)
BODILESS = (204, 304)


class Broken(Exception):
    """The connection ended within an answer, or what came is no HTTP."""


class Silent(Exception):
    """Nothing came for too long."""


class Line(asyncio.Protocol):
    """A connection and the answer that it brings now; one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, silence_s: float) -> None:
        self._loop = loop
        self._silence_s = silence_s
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._bell = Bell(loop)
        self._watch: asyncio.TimerHandle | None = None
        self._renew()

    def _renew(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.keeps_open = False
        """Whether another request may follow; known once the answer is whole."""
        self._headed = self._whole = False
        self._to_its_end = False
        """Whether only the connection's end is the answer's."""
        self._failure: Exception | None = None
        self._pieces: list[bytes] = []
        self._blank = 0
        self._heard_s = 0.0

    @property
    def open(self) -> bool:
        """Whether it can carry a request."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> None:
        """Send a request, and wait for the head of its answer. Raises Broken, Silent."""
        assert self._transport is not None
        self._transport.write(request)
        self._renew()
        self._parser = httptools.HttpResponseParser(self)
        self._heard_s = self._loop.time()
        self._watch = self._loop.call_later(self._silence_s, self._look)
        while not self._headed:
            await self._news()

    async def read(self) -> bytes:
        """All that has come of the body since, at least a byte; b"" at its end.

        Raises Broken, Silent.
        """
        while not self._pieces:
            if self._whole:
                return b""
            await self._news()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        return data

    def end(self) -> bool:
        """The exchange is over; whether the line can be used again. It is closed where not."""
        if self._watch is not None:
            self._watch.cancel()
        reusable = self._whole and self.keeps_open and not self._pieces and self.open
        self._parser = None
        if not reusable:
            self.close()
        return reusable

    def close(self) -> None:
        """Close the connection at once, by which the server learns that nobody listens."""
        if self._transport is not None:
            self._transport.abort()

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        await self._bell

    def _look(self) -> None:
        """Fail if nothing was heard for long; a look now and then costs a piece nothing."""
        left = self._heard_s + self._silence_s - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._fail(Silent())

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._parser = None
        self.close()
        self._bell.ring()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse, and wake who waits."""
        self._heard_s = self._loop.time()
        if self._parser is None:  # nobody asked
            self.close()
            return
        self._blank += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Broken(f"what it sent is no HTTP ({type(error).__name__})"))
            return
        if self._blank > BLANK_BYTES:
            self._fail(Broken(f"it sent over {BLANK_BYTES >> 10} KiB that are no answer"))
            return
        self._bell.ring()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer, or break it."""
        self._transport = None
        if self._parser is not None and not self._whole:
            if self._to_its_end and exc is None:
                self._whole = True
            else:
                self._failure = self._failure or Broken(str(exc or "it was closed"))
        self._bell.ring()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of a trailer, which is left."""
        if not self._headed:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole; one that only announces another is forgotten."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status in INFORMATIONAL:
            return
        self._blank = 0
        framed = {"content-length", "transfer-encoding"} & self.headers.keys()
        self._to_its_end = not framed and self.status not in BODILESS
        self._headed = True

    def on_body(self, body: bytes) -> None:
        """A piece."""
        self._blank = 0
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if not self._headed:
            self.headers = {}
            return
        assert self._parser is not None
        self.keeps_open = self._parser.should_keep_alive()
        self._whole = True


def told(headers: Mapping[str, str], name: str) -> str:
    """A header without its parameters, in lower case; "none" where there is none."""
    return headers.get(name, "none").partition(";")[0].strip().lower()
