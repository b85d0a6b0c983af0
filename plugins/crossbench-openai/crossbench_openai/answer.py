"""From the events of one answer to chunks: ids where the server sends them, else text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from crossbench.api import Chunk, Finish, RequestError
from crossbench_openai.refusal import quoted
from crossbench_openai.wire import Choice, Event, Timings, Usage, event

DONE = b"[DONE]"
WHOLE: Mapping[str, Literal["length", "stop"]] = {"length": "length", "stop": "stop"}
"""Reasons that end a whole answer."""
EVENTS_PER_TOKEN = 8
"""More than any server sends: an answer that goes on beyond it is one without an end."""


class Answer:
    """What has come of one answer so far."""

    def __init__(self, max_tokens: int, secret: str = "") -> None:
        self.prompt_ids: tuple[int, ...] | None = None
        """The prompt as the server says it saw it."""
        self._secret = secret
        self._usage = Usage()
        self._timings = Timings()
        self._reason: str | None = None
        self._texts: list[str] = []
        self._ids: bool | None = None
        """Whether ids come; decided by the first event with content."""
        self._counted = False
        """Whether the count so far comes with the content; decided likewise."""
        self._told = 0
        """Tokens in the chunks so far, where they are counted."""
        self._left = 64 + EVENTS_PER_TOKEN * max_tokens

    @property
    def counted(self) -> bool:
        """Whether the server's ids or its usage tell how many tokens there are."""
        return bool(self._ids) or self._usage.completion_tokens is not None

    def read(self, events: Sequence[bytes]) -> Chunk | None:
        """What these events show together, or None where they hold no content.

        Raises RequestError for an error among them, and for what is no event of this protocol.
        """
        text = thought = ""
        ids: tuple[int, ...] = ()
        for data in events:
            if data == DONE:
                continue
            found = event(data, self._secret)
            self._note(found)
            for choice in found.choices:
                self._settle(choice, found.usage)
                text += choice.words
                thought += choice.thought
                ids += choice.token_ids or ()
        count = (self._usage.completion_tokens or 0) - self._told if self._counted else None
        self._bound(len(events))
        if not text and not thought and not ids and not count:
            return None
        self._told += count or 0
        self._texts.append(thought + text)
        told = ids if self._ids else None
        return Chunk(told, thought + text or None, None, count, bool(thought) and not text)

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
            found = quoted(self._reason, self._secret)
            raise RequestError(
                f"the server ended its answer with finish_reason {found!r}; "
                "only 'length' and 'stop' end a whole one"
            )
        if prompt_ids is not None:
            self._check_prompt(tuple(prompt_ids))
        tokens, counted_by = self._total(count)
        details = self._usage.completion_tokens_details
        finish = Finish(
            reason=reason,
            cached_prompt_tokens=None if prompt_ids is None else self._cached(),
            output_tokens=tokens,
            counted_by=counted_by,
            reasoning_tokens=details.reasoning_tokens if details else None,
            drafted_tokens=self._timings.draft_n,
            accepted_tokens=self._timings.draft_n_accepted,
            native=self._native(),
        )
        return Chunk(() if self._ids else None, finish=finish)

    def _total(
        self, count: Callable[[str], int]
    ) -> tuple[int | None, Literal["usage", "text"] | None]:
        """Tokens of the output and whence their number; neither beside ids."""
        if self._ids:
            return None, None
        told = self._usage.completion_tokens
        return (count("".join(self._texts)), "text") if told is None else (told, "usage")

    def _cached(self) -> int | None:
        details = self._usage.prompt_tokens_details
        told = details.cached_tokens if details else None
        return self._timings.cache_n if told is None else told

    def _native(self) -> Mapping[str, float]:
        told = self._usage.prompt_tokens
        return {**({} if told is None else {"prompt_tokens": told}), **self._timings.figures}

    def _check_prompt(self, asked: tuple[int, ...]) -> None:
        seen, told = self.prompt_ids, self._usage.prompt_tokens
        if seen is not None and seen != asked:
            raise RequestError(f"the server saw other prompt ids: {_difference(seen, asked)}")
        if told is not None and told != len(asked):
            raise RequestError(
                f"the server counted {told} prompt tokens where {len(asked)} were meant; a BOS "
                "put twice or left out, or another tokenizer than the artifact's, does this"
            )

    def _note(self, found: Event) -> None:
        self._usage = found.usage or self._usage
        self._timings = found.timings or self._timings
        for choice in found.choices:
            self._reason = choice.finish_reason or self._reason
            self.prompt_ids = choice.prompt_token_ids or found.prompt_token_ids or self.prompt_ids

    def _settle(self, choice: Choice, usage: Usage | None) -> None:
        """Ids come with every content or with none, or the count would be neither."""
        content = choice.token_ids or choice.words or choice.thought
        if self._ids is None and content:
            self._ids = choice.token_ids is not None
            self._counted = not self._ids and bool(usage and usage.completion_tokens)
        elif self._ids and content and choice.token_ids is None:
            raise RequestError("the server sent token ids with a part of its answer only")

    def _bound(self, events: int) -> None:
        self._left -= events
        if self._left < 0:
            raise RequestError(
                f"the server goes on beyond {EVENTS_PER_TOKEN} events a token of max_tokens, "
                "so it may never end"
            )


def _difference(seen: tuple[int, ...], asked: tuple[int, ...]) -> str:
    pairs = enumerate(zip(seen, asked, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(seen), len(asked)))
    return (
        f"{len(seen)} instead of {len(asked)}, from place {at} on "
        f"{list(seen[at : at + 4])} instead of {list(asked[at : at + 4])}"
    )
