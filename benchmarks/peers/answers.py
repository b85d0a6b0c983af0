"""What the server of known times says: texts that hold a request's number, event by event.

Everything but the end of an answer is made once, so that a token costs the server little more than
its write.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

WORDS = (" the", " and")
"""The digits 0 and 1 of a request's number: each one token, and both of one length."""
DIGITS = 16
MODEL = "scripted"
MODELS = {"object": "list", "data": [{"id": MODEL, "owned_by": "scripted"}]}


def words(number: int, tokens: int) -> list[str]:
    """The text of an answer, word by word: the number in binary, its lowest digit first."""
    return [WORDS[number >> place & 1] for place in range(min(DIGITS, tokens))] + [
        WORDS[0] for _ in range(tokens - DIGITS)
    ]


def number(text: str) -> int:
    """The number in the text of an answer."""
    told = text.split()[:DIGITS]
    return sum(1 << place for place, word in enumerate(told) if word == WORDS[1].strip())


def events(path: str, text: list[str], body: Any) -> list[bytes]:
    """What goes over the wire for each token; the last brings the finish, the usage and the end."""
    chat = "chat" in path
    usage = _chunk({"choices": [], "usage": _usage(body, len(text))})
    end = usage + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return [
        *(_piece(word, None, chat=chat) for word in text[:-1]),
        _piece(text[-1], "length", chat=chat) + end,
    ]


def whole(path: str, body: Any) -> dict[str, Any]:
    """An answer that does not stream."""
    tokens = body.get("max_tokens") or 1
    text = "".join(words(0, tokens))
    grown: dict[str, Any] = (
        {"message": {"role": "assistant", "content": text}} if "chat" in path else {"text": text}
    )
    choice = {"index": 0, **grown, "finish_reason": "length"}
    return {"id": "cmpl", "model": MODEL, "choices": [choice], "usage": _usage(body, tokens)}


@cache
def _piece(word: str, finish: str | None, *, chat: bool) -> bytes:
    grown: dict[str, Any] = {"delta": {"content": word}} if chat else {"text": word}
    return _chunk({"choices": [{"index": 0, **grown, "finish_reason": finish}]})


def _chunk(payload: dict[str, Any]) -> bytes:
    told = {"id": "cmpl", "object": "text_completion", "created": 0, "model": MODEL, **payload}
    return _framed(b"data: " + msgspec.json.encode(told) + b"\n\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(body: Any, tokens: int) -> dict[str, int]:
    prompt = body.get("prompt")
    asked = len(prompt) if isinstance(prompt, list) else 32
    return {"prompt_tokens": asked, "completion_tokens": tokens, "total_tokens": asked + tokens}
