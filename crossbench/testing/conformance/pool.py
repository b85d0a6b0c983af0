"""The ids that the kit's prompts are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from crossbench.api import Vocabulary, tokenizer_json_tokens

SPARE = 32
"""Ids at the lower end that prompts leave out: special tokens often lie there."""
ASSUMED_VOCABULARY = 256
WORD = re.compile(rb" [a-z]{2,}")


def pool(told: Vocabulary | None, artifact: Path, *, as_text: bool) -> Sequence[int]:
    """Any ids of the vocabulary; for an engine that takes text those of whole words, which survive
    being text. What the session does not tell is read from a tokenizer.json of the artifact."""
    tokens = told.tokens if told else ()
    if as_text:
        named = tokens or _beside(artifact)
        if words := [at for at, token in enumerate(named) if token and WORD.fullmatch(token)]:
            return words
    size = len(tokens) or ASSUMED_VOCABULARY
    return range(min(SPARE, size // 4), size)


def _beside(artifact: Path) -> Sequence[bytes | None]:
    try:
        text = (artifact / "tokenizer.json").read_text(encoding="utf-8")
        return tokenizer_json_tokens(text)
    except (OSError, ValueError):
        return ()
