"""The connections to one server: opened, kept and used again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from crossbench_openai.line import Line


class Unreachable(Exception):
    """No server takes connections there."""


class Untrusted(Unreachable):
    """What answers there cannot show a certificate that holds."""


class Client:
    """As many connections as there are requests at once."""

    def __init__(
        self, url: str, headers: Mapping[str, str], connect_timeout_s: float, silence_s: float
    ) -> None:
        """`url` is where the server is, its path aside. Made inside an event loop."""
        parts = urlsplit(url)
        self._loop = asyncio.get_running_loop()
        self._host = parts.hostname or ""
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._ssl else 80)
        lines = [
            f"{name}: {value}\r\n" for name, value in {"Host": parts.netloc, **headers}.items()
        ]
        self._head = "".join(lines).encode("latin-1")
        self._connect_timeout_s = connect_timeout_s
        self._silence_s = silence_s
        self._idle: list[Line] = []

    def request(self, method: str, target: str, body: bytes | None) -> bytes:
        """A whole request, to be sent in one write."""
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        begin = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
        return b"".join((begin, self._head, length, b"\r\n", body or b""))

    async def line(self) -> Line:
        """An open connection for one exchange, to be released after it. Raises Unreachable."""
        return self._kept() or await self._opened()

    def release(self, line: Line) -> None:
        """Keep it for the next exchange, or close it where this one was left before its end."""
        if line.end():
            self._idle.append(line)

    def close(self) -> None:
        """Close what is idle; what is in use closes itself."""
        for line in self._idle:
            line.close()
        self._idle = []

    def _kept(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
        return None

    async def _opened(self) -> Line:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, line = await self._loop.create_connection(
                    lambda: Line(self._loop, self._silence_s),
                    self._host,
                    self._port,
                    ssl=self._ssl,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError as error:
            raise Unreachable(f"nothing within {self._connect_timeout_s:g} s") from error
        except ssl.SSLError as error:
            raise Untrusted(str(error)) from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from error
        return line
