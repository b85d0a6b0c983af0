"""How byte-level tokenizers cut text before they merge, by the name that a GGUF gives the way.

A GGUF holds vocabulary and merges, but of the cutting only a name (`tokenizer.ggml.pre`). The
patterns are those of the tokenizer.json that each name stands for; a name that is not here is not
guessed at.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Stage = dict[str, Any]
"""A part of a tokenizer.json."""

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LETTERS = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
_MARKS = r"!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~"


class Splitting(Struct, frozen=True):
    """What a tokenizer does before and beside its merges."""

    stages: tuple[Stage, ...]
    adds_bos: bool = False
    """Where the file does not say."""
    ignores_merges: bool = False
    """Whether a piece that is in the vocabulary is taken as it is."""
    composes: bool = False
    """Whether text is brought into Unicode's composed form (NFC) first."""

    @property
    def pre_tokenizer(self) -> Stage:
        """As a tokenizer.json writes it."""
        return {"type": "Sequence", "pretokenizers": list(self.stages)}

    @property
    def normalizer(self) -> Stage | None:
        """As a tokenizer.json writes it."""
        return {"type": "NFC"} if self.composes else None


def _bytes(*, use_regex: bool) -> Stage:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _cut(*patterns: str) -> tuple[Stage, ...]:
    """Each pattern's matches become pieces of their own, and what is between them, too."""
    cuts = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        for pattern in patterns
    ]
    return (*cuts, _bytes(use_regex=False))


def _words(digits: str) -> str:
    """Words with at most one leading mark, runs of digits, of marks, and of white space."""
    return (
        rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_TAIL}"
    )


_LLAMA = Splitting(_cut(_words(r"\p{N}{1,3}")), adds_bos=True, ignores_merges=True)

SPLITTINGS = {
    "gpt-2": Splitting((_bytes(use_regex=True),)),
    "smollm": Splitting(({"type": "Digits", "individual_digits": True}, _bytes(use_regex=True))),
    "llama-bpe": _LLAMA,
    "llama3": _LLAMA,
    "llama-v3": _LLAMA,
    "qwen2": Splitting(_cut(_words(r"\p{N}")), composes=True),
    "tekken": Splitting(
        _cut(rf"{_LETTERS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_TAIL}"),
        adds_bos=True,
        ignores_merges=True,
    ),
    "deepseek-v3": Splitting(
        _cut(
            r"\p{N}{1,3}",
            "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
            rf"[{_MARKS}][A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+"
            rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_TAIL}",
        )
    ),
}
