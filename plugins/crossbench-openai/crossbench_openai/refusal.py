"""What a server says instead of an answer, in a sentence that holds no key and is never long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossbench.api import RequestError

QUOTED = 500
"""Most characters of a server's own words in a message."""
REDIRECTS = range(300, 400)
HINTS: Mapping[int, str] = {
    401: "name the variable of its key in api_key_env",
    404: "look at base_url and model",
    429: "it has more to do than it allows, and a timed request is never sent twice",
    503: "it is not ready, or has too much to do, and a timed request is never sent twice",
}


class Refusal(RequestError):
    """A status that is no success: this request failed, and the session lives."""

    def __init__(
        self, status: int, headers: Mapping[str, str], content: bytes, secret: str = ""
    ) -> None:
        self.status = status
        hint = HINTS.get(status, "")
        if status in REDIRECTS:
            hint = f"it points to {_elsewhere(headers)}; redirects are not followed, name the "
            hint += "server itself in base_url"
        elif wait := headers.get("retry-after"):
            hint = f"{hint or 'it is busy'}; it asks to wait {wait[:40]} s"
        told = said(content, secret)
        super().__init__(f"the server answered {status}: {told}{hint and '; '}{hint}")


def said(content: bytes, secret: str = "") -> str:
    """The message in an error's JSON, of whichever dialect, else its text; never long."""
    told: Any
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = content.decode("utf-8", "replace")
    for name in ("error", "detail", "message"):
        if isinstance(told, dict) and name in told:
            told = told[name]
    text = told if isinstance(told, str) else msgspec.json.encode(told).decode()
    return quoted(text, secret)


def quoted(text: str, secret: str = "") -> str:
    """Another's words on one line, bounded, a secret in them blotted out."""
    if secret:
        text = text.replace(secret, "***")
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def _elsewhere(headers: Mapping[str, str]) -> str:
    """Where a redirect leads, without its query, in which keys travel."""
    try:
        parts = urlsplit(headers.get("location", ""))
        if not parts.netloc:
            return "itself"
        return quoted(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
    except ValueError:
        return "an address that is none"
