"""Writing a GGUF that holds a vocabulary and nothing else, as `gguf.md` of ggml lays it out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VERSION = 3
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
FORMATS = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}


def write_vocabulary(
    path: Path,
    entries: Sequence[tuple[str, int]],
    *,
    bos: int,
    adds_bos: bool = False,
    kind: str = "llama",
) -> None:
    """A vocabulary of these texts and token types, SentencePiece's unless another kind is named."""
    fields: dict[str, tuple[int, Any]] = {
        "general.architecture": (STRING, "llama"),
        "llama.block_count": (U32, 1),
        "llama.context_length": (U32, 64),
        "llama.embedding_length": (U32, 32),
        "llama.feed_forward_length": (U32, 64),
        "llama.attention.head_count": (U32, 1),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.vocab_size": (U32, len(entries)),
        "tokenizer.ggml.model": (STRING, kind),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, [text for text, _ in entries])),
        "tokenizer.ggml.scores": (ARRAY, (F32, [-float(place) for place in range(len(entries))])),
        "tokenizer.ggml.token_type": (ARRAY, (I32, [kind for _, kind in entries])),
        "tokenizer.ggml.bos_token_id": (U32, bos),
        "tokenizer.ggml.add_bos_token": (BOOL, adds_bos),
    }
    header = struct.pack("<4sIQQ", b"GGUF", VERSION, 0, len(fields))
    body = b"".join(
        _value(STRING, name) + struct.pack("<I", of) + _value(of, value)
        for name, (of, value) in fields.items()
    )
    path.write_bytes(header + body)


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        data: bytes = value.encode()
        return struct.pack("<Q", len(data)) + data
    if kind == ARRAY:
        of, items = value
        return struct.pack("<IQ", of, len(items)) + b"".join(_value(of, item) for item in items)
    return struct.pack(FORMATS[kind], value)
