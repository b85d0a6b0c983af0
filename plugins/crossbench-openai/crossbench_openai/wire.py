"""The JSON of one event, as far as it is of use here; what else a server adds is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from crossbench.api import RequestError
from crossbench_openai.refusal import quoted, said

READ = 4096
"""Bytes of what is no event that are looked at for a message."""


class PromptDetails(Struct, frozen=True):
    """Of the prompt tokens."""

    cached_tokens: int | None = None


class OutputDetails(Struct, frozen=True):
    """Of the output tokens."""

    reasoning_tokens: int | None = None


class Usage(Struct, frozen=True):
    """The server's own count, so far or in all."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Timings(Struct, frozen=True):
    """What llama-server adds to its last event."""

    cache_n: int | None = None
    draft_n: int | None = None
    draft_n_accepted: int | None = None
    prompt_per_second: float | None = None
    predicted_per_second: float | None = None

    @property
    def figures(self) -> Mapping[str, float]:
        """Its own speeds."""
        told = {
            "prompt_per_second": self.prompt_per_second,
            "predicted_per_second": self.predicted_per_second,
        }
        return {name: value for name, value in told.items() if value is not None}


class Delta(Struct, frozen=True):
    """What a chat answer grows by; reasoning has one of two names."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class Choice(Struct, frozen=True):
    """What an answer grows by, of either kind, with the ids that vLLM adds on request."""

    text: str | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    token_ids: tuple[int, ...] | None = None
    prompt_token_ids: tuple[int, ...] | None = None

    @property
    def thought(self) -> str:
        """Reasoning ahead of the answer."""
        return (self.delta.reasoning or self.delta.reasoning_content or "") if self.delta else ""

    @property
    def words(self) -> str:
        """The answer itself."""
        return self.text or (self.delta.content if self.delta else "") or ""


class Event(Struct, frozen=True):
    """One event's JSON."""

    object: str | None = None
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    timings: Timings | None = None
    error: Any = None
    prompt_token_ids: tuple[int, ...] | None = None


def event(data: bytes, secret: str = "") -> Event:
    """One event. Raises RequestError for one that tells an error, and for what is none."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        told = quoted(data[:READ].decode("utf-8", "replace"), secret)
        raise RequestError(f"the server streamed what is no event ({error}): {told}") from error
    if found.error is not None or found.object == "error":
        raise RequestError(f"the server broke off: {said(data, secret)}")
    return found


_decoder = msgspec.json.Decoder(Event)
