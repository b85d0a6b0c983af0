"""One server over HTTP: pages asked for, answers streamed, every failure a sentence.

Straight to the server: proxies of the environment are left aside, redirects are not followed, and
compressed answers are not asked for. Nothing that is timed is ever sent twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossbench.api import EngineError, RequestError
from crossbench_openai.client import Client, Unreachable, Untrusted
from crossbench_openai.line import Broken, Line, Silent, told
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.refusal import Refusal, quoted

OK = 200
ABSENT = (404, 405)
PAGE_BYTES = 32 << 20
"""Most that a page may hold; schemas of real servers take under one MiB."""
REFUSAL_BYTES = 64 << 10


class Connection:
    """A client of one server; the paths are those below `base_url`, or from the root with "/"."""

    def __init__(self, options: OpenAIOptions, base_url: str) -> None:
        """Made inside an event loop. Raises EngineError where the key's variable is not set."""
        self._base = base_url.rstrip("/")
        self._path = urlsplit(self._base).path
        self.secret = "" if options.api_key_env is None else _key(options.api_key_env)
        """The key, to be blotted out of what is quoted."""
        self._read_timeout_s = options.read_timeout_s
        self.banner = ""
        """The last `Server` header."""
        self._keeps_open = True
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if self.secret:
            headers["Authorization"] = f"Bearer {self.secret}"
        self._client = Client(
            self._base, headers, options.connect_timeout_s, options.read_timeout_s
        )

    async def page(self, path: str) -> Any:
        """The JSON of a page. Raises RequestError, EngineError."""
        return await self._json("GET", path, None)

    async def optional(self, path: str) -> Any:
        """The JSON of a page, or None where the server has no such page."""
        try:
            return await self.page(path)
        except RequestError:
            return None

    async def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON that answers a body. Raises RequestError, EngineError."""
        return await self._json("POST", path, body)

    async def tell(self, path: str) -> None:
        """Post an empty body; the answer is read, so that its connection serves again.

        Raises RequestError, EngineError.
        """
        with self._named():
            async with self._patient(), self._asked("POST", path, None) as response:
                await self._refuse(response)
                await _content(response, REFUSAL_BYTES)

    async def healthy(self, path: str) -> bool | None:
        """Whether a page answers 200; None where the server has none. False if nobody listens."""
        try:
            with self._named():
                async with self._patient(), self._asked("GET", path, None) as response:
                    return None if response.status in ABSENT else response.status == OK
        except (EngineError, RequestError):
            return False

    async def ready(self, count: int) -> None:
        """Have so many connections open, so that no request waits for one. Raises EngineError.

        A server that closes each connection after its answer is left alone.
        """
        if self._keeps_open:
            await asyncio.gather(*(self.optional("models") for _ in range(count)))

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any]
    ) -> AsyncGenerator[Callable[[], Awaitable[bytes]], None]:
        """An event stream: what reads its next piece as the network brings it, b"" at its end.

        Leaving early closes the connection, by which the server learns that nobody listens.
        Raises RequestError, EngineError.
        """
        request = self._request("POST", path, body)
        with self._named():
            line = await self._client.line()
            try:
                async with self._patient():
                    await self._ask(line, request)
                    await self._refuse(line)
                kind = told(line.headers, "content-type")
                if kind != "text/event-stream":
                    raise RequestError(
                        f"the server answered with content type {kind}; a text/event-stream is "
                        "needed, so it may not be able to stream"
                    )
                yield line.read
                self._keeps_open = line.keeps_open
            finally:
                self._client.release(line)

    async def close(self) -> None:
        """Close what is open; a second call does nothing."""
        self._client.close()

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        with self._named():
            async with self._patient(), self._asked(method, path, body) as response:
                await self._refuse(response)
                content = await _content(response, PAGE_BYTES)
        if content is None:
            raise RequestError(f"{path} of the server holds more than {PAGE_BYTES} bytes")
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"{path} of the server is no JSON: {error}") from error

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncGenerator[Line, None]:
        """The response, its head read. Left before its end, its connection is closed."""
        request = self._request(method, path, body)
        line = await self._client.line()
        try:
            await self._ask(line, request)
            yield line
            self._keeps_open = line.keeps_open
        finally:
            self._client.release(line)

    async def _ask(self, line: Line, request: bytes) -> None:
        await line.ask(request)
        self.banner = line.headers.get("server", "")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        root = self._path.removesuffix("/v1")
        target = root + path if path.startswith("/") else f"{self._path}/{path}"
        data = msgspec.json.encode(body) if body is not None else b"" if method == "POST" else None
        return self._client.request(method, target, data)

    async def _refuse(self, response: Line) -> None:
        """Raise what a server said instead of an answer."""
        if response.status != OK:
            content = await _content(response, REFUSAL_BYTES) or b""
            raise Refusal(response.status, response.headers, content, self.secret)

    @asynccontextmanager
    async def _patient(self) -> AsyncGenerator[None, None]:
        """So long, and no longer, for what may come byte by byte."""
        try:
            async with asyncio.timeout(self._read_timeout_s) as limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise RequestError(
                f"the server had not answered after {self._read_timeout_s:g} s (read_timeout_s)"
            ) from error

    @contextmanager
    def _named(self) -> Iterator[None]:
        """The client's exceptions as the contract's."""
        try:
            yield
        except Untrusted as error:
            raise EngineError(
                f"{self._base} cannot be trusted: {self._told(error)}; correct base_url, or name "
                "the authority's file in SSL_CERT_FILE"
            ) from error
        except Unreachable as error:
            raise EngineError(
                f"no server answers at {self._base} ({self._told(error)}); "
                "start it, or correct base_url"
            ) from error
        except Silent as error:
            raise RequestError(
                f"the server sent nothing for {self._read_timeout_s:g} s (read_timeout_s)"
            ) from error
        except Broken as error:
            raise RequestError(
                f"the connection to the server broke: {self._told(error)}"
            ) from error

    def _told(self, error: Exception) -> str:
        return quoted(str(error) or type(error).__name__, self.secret)


async def _content(response: Line, limit: int) -> bytes | None:
    """All of a response, or None where it is more than that."""
    pieces, size = [], 0
    while piece := await response.read():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return None
    return b"".join(pieces)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EngineError(f"api_key_env names {variable}, which is not set; export it, or drop it")
    if not key.isascii() or not key.isprintable():
        raise EngineError(f"{variable} holds characters that no HTTP header can carry")
    return key
