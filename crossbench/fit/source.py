"""Bytes of an artifact by range: of a file here, or of a URL whose server answers HTTP ranges."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from crossbench.errors import CrossbenchError

PATIENCE_S = 5.0
BLOCK_BYTES = 1 << 16
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
PARTIAL, BEYOND_END = 206, 416


class HeaderError(CrossbenchError):
    """An artifact's header cannot be read, or does not hold together; says where and why."""


class Ranges(Protocol):
    """Something that gives bytes of one file."""

    name: str
    """As messages call it."""

    def read(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start` on, fewer only at the end. Raises HeaderError."""
        ...

    def size(self) -> int | None:
        """Bytes of the whole file; None where nobody told."""
        ...


class LocalFile:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file. Raises HeaderError where it cannot be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return file.read(length)
        except OSError as error:
            raise HeaderError(f"{self.name}: {error.strerror}") from error

    def size(self) -> int | None:
        """Its size now. Raises HeaderError."""
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise HeaderError(f"{self.name}: {error.strerror}") from error


class HttpFile:
    """A file behind a URL. Each read is one request, of which every step and, times four, the
    whole may take `patience_s`.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        """`headers` go with each request, such as an Authorization. Raises HeaderError.

        An Authorization is for the host of the URL, and not for where that sends us on to.
        """
        if not url.startswith(("http://", "https://")):
            raise HeaderError(f"{url}: only http and https have ranges")
        self.name = url
        self._headers = dict(headers or {})
        self._patience_s = patience_s
        self._size: int | None = None

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file. Raises HeaderError where the server gives other ones or none."""
        wanted = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        request = Request(self.name, headers=self._headers | wanted)  # noqa: S310 - checked above
        try:
            with OPENER.open(request, timeout=self._patience_s) as answer:
                self._check(answer.status, answer.headers.get("Content-Range"), start)
                return self._body(answer, length)
        except HTTPError as error:
            if error.code == BEYOND_END:
                return b""
            raise HeaderError(f"{self.name}: HTTP {error.code} {error.reason}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise HeaderError(f"{self.name}: {getattr(error, 'reason', error)}") from error

    def size(self) -> int | None:
        """The whole size, once a range has told it."""
        return self._size

    def _body(self, answer: HTTPResponse, length: int) -> bytes:
        """What comes of it, in bounded time."""
        data = bytearray()
        deadline = time.monotonic() + 4 * self._patience_s
        while len(data) < length:
            block = answer.read1(min(BLOCK_BYTES, length - len(data)))
            if not block:
                break
            data += block
            if time.monotonic() > deadline:
                raise HeaderError(f"{self.name}: too slow, {len(data)} bytes of {length} so far")
        return bytes(data)

    def _check(self, status: int, content_range: str | None, start: int) -> None:
        """A server without ranges sends the whole file, of which the beginning will do."""
        if status != PARTIAL:
            if start:
                raise HeaderError(f"{self.name}: its server gives no ranges (HTTP {status})")
            return
        told = CONTENT_RANGE.fullmatch(content_range or "")
        if told is None or int(told[1]) != start:
            raise HeaderError(f"{self.name}: asked from byte {start}, told {content_range!r}")
        if told[3] != "*":
            self._size = int(told[3])


class _Redirects(HTTPRedirectHandler):
    """Follows to other hosts, without what was meant for the first."""

    def redirect_request(self, req: Request, *answer: Any) -> Request | None:
        """The request to where the answer points."""
        following = super().redirect_request(req, *answer)
        if following and urlsplit(following.full_url).netloc != urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following


OPENER = build_opener(_Redirects)
