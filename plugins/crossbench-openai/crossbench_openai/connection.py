"""One server over HTTP: pages asked for, answers streamed, every failure a sentence.

Straight to the server: proxies of the environment are left aside, and compressed answers are not
asked for, because both hold a stream back.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec

from crossbench.api import EngineError, RequestError
from crossbench_openai.options import OpenAIOptions

QUOTED = 500
"""Most characters of a server's own words in a message."""
OK = 200
HINTS = {401: "name the variable of its key in api_key_env", 404: "look at base_url and model"}


class Connection:
    """A client of one server; the paths are those below `base_url`, or from the root with "/"."""

    def __init__(self, options: OpenAIOptions) -> None:
        """Raises EngineError where the key's environment variable is not set."""
        self._base = options.base_url.rstrip("/")
        self._root = self._base.removesuffix("/v1")
        self._read_timeout_s = options.read_timeout_s
        headers = {"Accept-Encoding": "identity"}
        if options.api_key_env is not None:
            headers["Authorization"] = f"Bearer {_key(options.api_key_env)}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(options.read_timeout_s, connect=options.connect_timeout_s),
            trust_env=False,
        )

    async def page(self, path: str) -> Any:
        """The JSON of a page. Raises RequestError, EngineError."""
        with self._named():
            return _json(await self._client.get(self._url(path)))

    async def optional(self, path: str) -> Any:
        """The JSON of a page, or None where the server has no such page."""
        try:
            return await self.page(path)
        except RequestError:
            return None

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers a body. Raises RequestError, EngineError."""
        with self._named():
            return _json(await self._client.post(self._url(path), json=body))

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """The pieces of an event stream as the network brings them.

        Closing it early closes the connection, by which the server learns that nobody listens.
        Raises RequestError, EngineError.
        """
        with self._named():
            async with self._client.stream("POST", self._url(path), json=body) as response:
                if response.status_code != OK:
                    raise refusal(response.status_code, await response.aread())
                kind = response.headers.get("content-type", "none").partition(";")[0].strip()
                if kind.lower() != "text/event-stream":
                    raise RequestError(
                        f"the server answered with content type {kind}; a text/event-stream is "
                        "needed, so it may not be able to stream"
                    )
                async for piece in response.aiter_bytes():
                    yield piece

    async def close(self) -> None:
        """Close what is open; a second call does nothing."""
        await self._client.aclose()

    def _url(self, path: str) -> str:
        return self._root + path if path.startswith("/") else f"{self._base}/{path}"

    @contextmanager
    def _named(self) -> Iterator[None]:
        """The client's exceptions as the contract's."""
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise EngineError(
                f"no server answers at {self._base} ({_told(error)}); start it, or correct base_url"
            ) from error
        except httpx2.TimeoutException as error:
            raise RequestError(
                f"the server sent nothing for {self._read_timeout_s:g} s (read_timeout_s)"
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RequestError(f"the connection to the server broke: {_told(error)}") from error


def refusal(status: int, content: bytes) -> RequestError:
    """What a server said instead of an answer."""
    hint = f"; {HINTS[status]}" if status in HINTS else ""
    return RequestError(f"the server answered {status}: {said(content)}{hint}")


def said(content: bytes) -> str:
    """The message in an error's JSON, of whichever dialect, else its text; never long."""
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = content.decode("utf-8", "replace")
    for name in ("error", "detail", "message"):
        if isinstance(told, dict) and name in told:
            told = told[name]
    text = told if isinstance(told, str) else msgspec.json.encode(told).decode()
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def _json(response: httpx2.Response) -> Any:
    if response.status_code != OK:
        raise refusal(response.status_code, response.content)
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{response.url.path} of the server is no JSON: {error}") from error


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EngineError(f"api_key_env names {variable}, which is not set; export it, or drop it")
    if not key.isascii() or not key.isprintable():
        raise EngineError(f"{variable} holds characters that no HTTP header can carry")
    return key


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
