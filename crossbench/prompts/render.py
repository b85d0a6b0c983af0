"""Prompts of a suite to canonical ids, and the place in them where a salt goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, structs

from crossbench.errors import InputError
from crossbench.prompts.digest import ids_sha256
from crossbench.prompts.synthetic import synthetic_ids
from crossbench.prompts.template import Argument
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Prompt
from crossbench.suite.tables.prompts import Message

Kind = Literal["messages", "text", "ids", "synthetic"]


class RenderedPrompt(Struct, frozen=True):
    """A prompt in canonical ids, unsalted. A synthetic one is shorter by its salt's length."""

    ids: tuple[int, ...]
    content_at: int
    """Index of the first content token, after BOS and the template's head: the salt's place."""
    sha256: str
    """`ids_sha256` of `ids`."""
    kind: Kind
    text: str | None
    """What was tokenised; None for ids and synthetic prompts."""


class Renderer(Struct, frozen=True, kw_only=True):
    """Renders the prompts of one suite."""

    tokenizer: CanonicalTokenizer
    arguments: Mapping[str, Argument]
    """Of the chat template."""
    seed: int
    """Of synthetic prompts."""
    salt_tokens: int
    """Room that a synthetic prompt leaves for its salt."""

    def render(self, prompt: Prompt, index: int = 0) -> RenderedPrompt:
        """Render a prompt; `index`, its place in the scenario, sets synthetic prompts apart.

        Raises InputError where the chat template is missing or fails, an id is outside the
        vocabulary, or a synthetic prompt is too short for BOS and salt.
        """
        if prompt.messages is not None:
            return self._messages(prompt.messages)
        if prompt.text is not None:
            return self._text(prompt.text)
        if prompt.ids is not None:
            return self._ids(prompt.ids)
        assert prompt.synthetic_tokens is not None
        return self._synthetic(prompt.synthetic_tokens, index)

    def _messages(self, messages: Sequence[Message]) -> RenderedPrompt:
        text = self._conversation(messages)
        ids, starts = self.tokenizer.encode_with_starts(text)
        content = self._content_start(messages, text)
        after = (index for index, start in enumerate(starts) if start >= content)
        return _rendered(ids, next(after, len(ids)), "messages", text)

    def _conversation(self, messages: Sequence[Message]) -> str:
        template = self.tokenizer.template
        if template is None:
            raise InputError(
                f"tokenizer {self.tokenizer.path}: it comes without a chat template, but the "
                "prompt is given as messages; name a directory that holds tokenizer.json and "
                "chat_template.jinja, or give the prompt as text"
            )
        return template.render(messages, self.arguments, self.tokenizer.special_tokens)

    def _content_start(self, messages: Sequence[Message], text: str) -> int:
        """The character where the text first depends on what the messages say.

        Found by rendering once more with other contents, which holds for templates that trim,
        move or repeat a content, or put a default system prompt before it.
        """
        other = _unused(text)
        probe = self._conversation(
            [
                structs.replace(message, content=f"{other}{index}")
                for index, message in enumerate(messages)
            ]
        )
        start = _first_difference(text, probe)
        if other not in probe[start:]:
            assert self.tokenizer.template is not None
            raise InputError(
                f"chat template of {self.tokenizer.template.origin}: it shows no message's "
                f"content for the roles {', '.join(message.role for message in messages)}; change "
                "the messages, or give the prompt as text"
            )
        return start

    def _text(self, text: str) -> RenderedPrompt:
        ids = self.tokenizer.encode(text)
        return _rendered(ids, len(self.tokenizer.head_ids), "text", text)

    def _ids(self, ids: tuple[int, ...]) -> RenderedPrompt:
        unknown = next((token_id for token_id in ids if token_id not in self.tokenizer), None)
        if unknown is not None:
            raise InputError(
                f"ids: found {unknown}, which is not in the vocabulary of {self.tokenizer.path} "
                f"(0 to {self.tokenizer.vocab_size - 1}); use ids of the suite's tokenizer"
            )
        has_bos = bool(ids) and ids[0] == self.tokenizer.bos_id
        return _rendered(ids, int(has_bos), "ids", None)

    def _synthetic(self, tokens: int, index: int) -> RenderedPrompt:
        head = self.tokenizer.head_ids
        reserved = len(head) + self.salt_tokens
        if tokens < reserved:
            raise InputError(
                f"prompt_tokens: found {tokens}; at least {reserved} are needed, for BOS and the "
                f"{self.salt_tokens} of the salt"
            )
        body = synthetic_ids(self.tokenizer, ("measured", self.seed, index), tokens - reserved)
        return _rendered(head + body, len(head), "synthetic", None)


def _rendered(
    ids: tuple[int, ...], content_at: int, kind: Kind, text: str | None
) -> RenderedPrompt:
    return RenderedPrompt(ids, content_at, ids_sha256(ids), kind, text)


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _unused(text: str) -> str:
    """A character for private use that the text does not hold: no content begins with it."""
    return next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
