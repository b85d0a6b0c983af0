"""From the events of one answer to chunks: ids where the server sends them, else text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import Chunk, Finish, RequestError
from crossbench_openai.connection import said

DONE = b"[DONE]"
QUOTED = 200
WHOLE: Mapping[str, Literal["length", "stop"]] = {"length": "length", "stop": "stop"}
"""Reasons that end a whole answer."""


class Details(Struct, frozen=True):
    """Of the prompt tokens."""

    cached_tokens: int | None = None


class Usage(Struct, frozen=True):
    """The server's own count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None


class Delta(Struct, frozen=True):
    """What a chat answer grows by; reasoning is as much of the output as what follows it."""

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
    def words(self) -> str:
        """The text."""
        delta = self.delta or Delta()
        parts = (self.text, delta.reasoning or delta.reasoning_content, delta.content)
        return "".join(part for part in parts if part)


class Event(Struct, frozen=True):
    """One event's JSON."""

    object: str | None = None
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    error: Any = None
    prompt_token_ids: tuple[int, ...] | None = None


class Answer:
    """What has come of one answer so far."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.prompt_ids: tuple[int, ...] | None = None
        """The prompt as the server says it saw it."""
        self._reason: str | None = None
        self._texts: list[str] = []
        self._ids: bool | None = None
        """Whether ids come; decided by the first event with content."""

    def read(self, events: Sequence[bytes]) -> Chunk | None:
        """What these events show together, or None where they hold no content.

        Raises RequestError for an error among them, and for what is no event of this protocol.
        """
        text = ""
        ids: tuple[int, ...] = ()
        for data in events:
            if data == DONE:
                continue
            for choice in self._choices(data):
                self._settle(choice)
                text += choice.words
                ids += choice.token_ids or ()
        self._texts.append(text)
        if not text and not ids:
            return None
        return Chunk(ids if self._ids else None, text or None)

    def last(self, prompt_ids: Sequence[int] | None, count: Callable[[str], int]) -> Chunk:
        """The finish, after the last event.

        `prompt_ids` are what the server must have seen, None where its own template decides;
        what was cached of such a prompt means nothing beside the length of the one asked.
        Tokens of text are counted by the server's usage, else by `count` over the whole text.

        Raises RequestError where the answer is not whole, or is one to another prompt.
        """
        reason = WHOLE.get(self._reason or "")
        if self._reason is None:
            raise RequestError(
                "the server ended its stream without a finish_reason, so it broke the answer off; "
                "its own log may tell why"
            )
        if reason is None:
            raise RequestError(
                f"the server ended its answer with finish_reason {self._reason!r}; "
                "only 'length' and 'stop' end a whole one"
            )
        if prompt_ids is not None:
            self._check_prompt(tuple(prompt_ids))
        cached = None if prompt_ids is None else self._cached()
        finish = Finish(reason=reason, cached_prompt_tokens=cached, native=self._native())
        if self._ids:
            return Chunk((), finish=finish)
        tokens, counted_by = self.usage.completion_tokens, "usage"
        if tokens is None:
            tokens, counted_by = count("".join(self._texts)), "text"
        return Chunk(None, finish=replace(finish, output_tokens=tokens, counted_by=counted_by))

    def _cached(self) -> int | None:
        details = self.usage.prompt_tokens_details
        return details.cached_tokens if details else None

    def _native(self) -> Mapping[str, float]:
        told = self.usage.prompt_tokens
        return {} if told is None else {"prompt_tokens": told}

    def _check_prompt(self, asked: tuple[int, ...]) -> None:
        seen, told = self.prompt_ids, self.usage.prompt_tokens
        if seen is not None and seen != asked:
            raise RequestError(f"the server saw other prompt ids: {_difference(seen, asked)}")
        if told is not None and told != len(asked):
            raise RequestError(
                f"the server counted {told} prompt tokens where {len(asked)} were meant; a BOS "
                "put twice or left out, or another tokenizer than the artifact's, does this"
            )

    def _choices(self, data: bytes) -> tuple[Choice, ...]:
        try:
            event = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            told = data[:QUOTED].decode("utf-8", "replace")
            raise RequestError(f"the server streamed what is no event ({error}): {told}") from error
        if event.error is not None or event.object == "error":
            raise RequestError(f"the server broke off: {said(data)}")
        self.usage = event.usage or self.usage
        for choice in event.choices:
            self._reason = choice.finish_reason or self._reason
            self.prompt_ids = choice.prompt_token_ids or event.prompt_token_ids or self.prompt_ids
        return event.choices

    def _settle(self, choice: Choice) -> None:
        """Ids come with every content or with none, or the count would be neither."""
        content = choice.token_ids or choice.words
        if self._ids is None and content:
            self._ids = choice.token_ids is not None
        elif self._ids and choice.words and choice.token_ids is None:
            raise RequestError("the server sent token ids with a part of its answer only")


def _difference(seen: tuple[int, ...], asked: tuple[int, ...]) -> str:
    pairs = enumerate(zip(seen, asked, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(seen), len(asked)))
    return (
        f"{len(seen)} instead of {len(asked)}, from place {at} on "
        f"{list(seen[at : at + 4])} instead of {list(asked[at : at + 4])}"
    )


_decoder = msgspec.json.Decoder(Event)
