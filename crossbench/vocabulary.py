"""The bytes behind each id of a tokenizer.json, so that vocabularies of any format compare.

Nothing but the standard library: it serves the host and, inside engines' environments, plugins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>\Z")
_SPACE = "\u2581"


def tokenizer_json_tokens(text: str) -> tuple[bytes | None, ...]:
    """The bytes of every id of a tokenizer.json of the `tokenizers` library; None for id gaps.

    Knows byte-level vocabularies (GPT-2's alphabet) and SentencePiece's (U+2581 for a space,
    "<0x0A>" for a byte); entries of any other kind stand for their own UTF-8.

    Raises ValueError where the text is no such file.
    """
    try:
        tokenizer = json.loads(text)
        entries = dict(_entries(tokenizer["model"]["vocab"]))
        added = {token["id"]: token["content"] for token in tokenizer.get("added_tokens") or ()}
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no tokenizer.json: {type(error).__name__}: {error}") from error
    read = _reader(tokenizer)
    spelled = {token_id: read(entry) for token_id, entry in entries.items()}
    spelled |= {token_id: content.encode() for token_id, content in added.items()}
    return tuple(spelled.get(token_id) for token_id in range(max(spelled, default=-1) + 1))


def _entries(vocab: Any) -> Iterator[tuple[int, str]]:
    """Id and entry: of a mapping (BPE, WordPiece) or of a list of pieces and scores (Unigram)."""
    if isinstance(vocab, Mapping):
        return ((token_id, entry) for entry, token_id in vocab.items())
    return ((token_id, piece[0]) for token_id, piece in enumerate(vocab))


def _reader(tokenizer: Mapping[str, Any]) -> Callable[[str], bytes]:
    parts = [*_parts(tokenizer.get("decoder")), *_parts(tokenizer.get("pre_tokenizer"))]
    if "ByteLevel" in {part.get("type") for part in parts}:
        return _byte_level
    spaced = any(
        part.get("type") == "Metaspace"
        or (part.get("type") == "Replace" and part.get("pattern") == {"String": _SPACE})
        for part in parts
    )
    return _sentence_piece if spaced else str.encode


def _parts(stage: Any) -> Iterator[Mapping[str, Any]]:
    """A stage of the tokenizer and, where it is a sequence, those within it."""
    if isinstance(stage, Mapping):
        yield stage
        for inner in (*stage.get("decoders", ()), *stage.get("pretokenizers", ())):
            yield from _parts(inner)


def _sentence_piece(entry: str) -> bytes:
    if byte := _BYTE.match(entry):
        return bytes.fromhex(byte[1])
    return entry.replace(_SPACE, " ").encode()


def _alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte (`bytes_to_unicode` of openai/gpt-2)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }


_ALPHABET = _alphabet()


def _byte_level(entry: str) -> bytes:
    try:
        return bytes(_ALPHABET[character] for character in entry)
    except KeyError:  # an entry that was added without the alphabet stands for itself
        return entry.encode()
