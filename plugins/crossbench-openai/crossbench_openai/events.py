"""Server-sent events out of bytes, however the network cuts them.

After the event stream section of the WHATWG HTML standard, of which only `data` matters here. Lines
end at \\n, \\r or \\r\\n and nowhere else: a JSON text may hold other line separators as they are.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A final \\r waits for what follows, which may be its \\n."""


class Events:
    """The events of one response."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that this piece completes, in order."""
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        found = []
        for line in lines:
            if line:
                self._field(line)
            else:
                found.append(b"\n".join(self._data))
                self._data = []
        return [data for data in found if data]

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
