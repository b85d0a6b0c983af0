"""The scoring set: one text as windows of canonical ids, the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from crossbench.errors import InputError
from crossbench.prompts.digest import prompts_sha256
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Quality


class Window(Struct, frozen=True):
    """Ids that an engine sees at once."""

    ids: tuple[int, ...]
    first: int
    """Index of the first id that is scored: half a window stands before it."""
    bytes: int
    """UTF-8 bytes of the text behind the scored ids; special tokens are scored, but are no text."""


class ScoringSet(Struct, frozen=True, kw_only=True):
    """All windows. Each scored token is scored once, with half a window or more before it."""

    windows: tuple[Window, ...]
    sha256: str
    """Over the ids of the windows, in order."""

    @property
    def tokens(self) -> int:
        """Ids that are scored."""
        return sum(len(window.ids) - window.first for window in self.windows)

    @property
    def bytes(self) -> int:
        """Bytes that are scored."""
        return sum(window.bytes for window in self.windows)


def scoring_set(quality: Quality, tokenizer: CanonicalTokenizer) -> ScoringSet:
    """Cut the text into windows that overlap by half; a last piece too short for one is left off.

    Raises InputError where the text is shorter than one window, or was changed since the suite
    was read.
    """
    head = tokenizer.head_ids
    ids = tokenizer.encode_verbatim(_text(quality))
    half = quality.window // 2
    body = quality.window - len(head)
    starts = range(0, len(ids) - body + 1, half)[: quality.windows]
    if not starts:
        raise InputError(
            f"quality: the text has {len(ids)} tokens, fewer than one window of {quality.window}; "
            "give a longer text or a smaller window"
        )
    plain, tokens = frozenset(tokenizer.plain_ids), tokenizer.token_bytes
    sizes = [len(token or b"") if at in plain else 0 for at, token in enumerate(tokens)]
    windows = tuple(_window(head, ids[start : start + body], half, sizes) for start in starts)
    return ScoringSet(windows=windows, sha256=prompts_sha256(window.ids for window in windows))


def _window(
    head: tuple[int, ...], body: tuple[int, ...], half: int, sizes: Sequence[int]
) -> Window:
    ids = head + body
    first = len(ids) - half
    return Window(ids, first, sum(sizes[token_id] for token_id in ids[first:]))


def _text(quality: Quality) -> str:
    try:
        return Path(quality.text).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"quality: {quality.text} cannot be read: {error}") from None
