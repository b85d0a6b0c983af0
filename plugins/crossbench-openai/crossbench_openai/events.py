"""Server-sent events out of bytes, however the network cuts them.

After the event stream section of the WHATWG HTML standard, of which only `data` matters here. Lines
end at \\n, \\r or \\r\\n and nowhere else: a JSON text may hold other line separators as they are.
"""

from __future__ import annotations

import re

from crossbench.api import RequestError

EVENT_BYTES = 32 << 20
"""Most that one event may hold: vLLM's first one repeats the prompt's ids, a million of them."""
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A final \\r waits for what follows, which may be its \\n."""


class Events:
    """The events of one response."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        """The line that has not ended, in pieces."""
        self._data: list[bytes] = []
        self._held = 0
        """Bytes in both."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of every event that this piece completes, in order.

        Each byte is looked at once or twice, however long its line is. Raises RequestError for an
        event without an end.
        """
        self._held += len(piece)
        if self._held > EVENT_BYTES:
            raise RequestError(f"the server sent an event of more than {EVENT_BYTES >> 20} MiB")
        if b"\n" not in piece and b"\r" not in piece and not self._ends_open():
            self._rest.append(piece)
            return []
        if self._rest:
            piece = b"".join((*self._rest, piece))
        *lines, rest = piece.split(b"\n") if b"\r" not in piece else _LINE_END.split(piece)
        self._rest = [rest] if rest else []
        found = self._completed(lines)
        self._held = len(rest) + sum(map(len, self._data))
        return found

    def _ends_open(self) -> bool:
        return bool(self._rest) and self._rest[-1].endswith(b"\r")

    def _completed(self, lines: list[bytes]) -> list[bytes]:
        found = []
        for line in lines:
            if line.startswith(b"data"):
                name, _, value = line.partition(b":")
                if name == b"data":
                    self._data.append(value.removeprefix(b" "))
            elif not line and self._data:
                data = b"\n".join(self._data)
                self._data = []
                if data:
                    found.append(data)
        return found
