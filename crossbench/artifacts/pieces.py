"""SentencePiece's byte-pair vocabularies, as Llama 2 has one, written as a tokenizer.json.

SentencePiece joins, of all neighbours that make an entry, the pair whose entry has the best score,
the leftmost of several. A list of merges says the same: every way to make an entry out of two
others, ordered by that entry's score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SPACE = "\u2581"


def sentence_piece(
    *,
    vocab: Mapping[str, int],
    ordinary: Mapping[str, float],
    unknown: str | None,
    prefix: bool,
) -> dict[str, Any]:
    """A tokenizer.json without its added tokens.

    `ordinary` are the entries that text can become, with their scores; `prefix` says whether text
    is given a space in front.
    """
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    normalizers = [{"type": "Prepend", "prepend": SPACE}, spaces] if prefix else [spaces]
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "version": "1.0",
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "unk_token": unknown,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocab,
            "merges": _merges(vocab, ordinary),
        },
    }


def _merges(vocab: Mapping[str, int], ordinary: Mapping[str, float]) -> list[tuple[str, str]]:
    """Ordered by score; of one entry's ways, the one with the earlier entries first."""
    ways = [
        (-score, vocab[entry[:cut]], vocab[entry[cut:]], entry, cut)
        for entry, score in ordinary.items()
        for cut in range(1, len(entry))
        if entry[:cut] in ordinary and entry[cut:] in ordinary
    ]
    return [(entry[:cut], entry[cut:]) for *_, entry, cut in sorted(ways)]
