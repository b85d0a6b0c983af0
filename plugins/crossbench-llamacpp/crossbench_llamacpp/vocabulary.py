"""What a GGUF says of its tokenizer, in the bytes and ids that llama.cpp reads from it."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp

from crossbench.api import RequestError, Vocabulary
from crossbench_llamacpp import library

USUAL_BYTES = 256

# Without the binding's conversions, which double the price of 128 thousand calls.
_piece = library.function(
    "llama_token_to_piece",
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_int32,
    ctypes.c_bool,
)


def read(model: Any) -> Vocabulary:
    """The whole vocabulary, None for entries that only pad it. Raises RequestError without one."""
    vocab = llama_cpp.llama_model_get_vocab(model)
    _check_there(vocab)
    bos = llama_cpp.llama_vocab_bos(vocab)
    template = llama_cpp.llama_model_chat_template(model, None)
    return Vocabulary(
        tokens=tokens(vocab),
        bos_id=bos if bos >= 0 else None,
        adds_bos=bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
        chat_template=template.decode("utf-8", "replace") if template is not None else None,
    )


def tokens(vocab: Any) -> tuple[bytes | None, ...]:
    """The bytes of each id, special tokens spelled out."""
    buffer = ctypes.create_string_buffer(USUAL_BYTES)
    found: list[bytes | None] = []
    for token in range(llama_cpp.llama_vocab_n_tokens(vocab)):
        length = _piece(vocab, token, buffer, len(buffer), 0, True)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = _piece(vocab, token, buffer, len(buffer), 0, True)
        found.append(buffer.raw[:length] if length > 0 else None)
    return tuple(found)


def tokenize(vocab: Any, text: str) -> list[int]:
    """Ids of a text, special tokens parsed, none added. Raises RequestError."""
    _check_there(vocab)
    data = text.encode()
    ids = (llama_cpp.llama_token * max(1, len(data)))()
    count = llama_cpp.llama_tokenize(vocab, data, len(data), ids, len(ids), False, True)
    if count < 0:
        raise RequestError(f"llama.cpp could not tokenise a text of {len(data)} bytes")
    return list(ids[:count])


def _check_there(vocab: Any) -> None:
    """Raise RequestError for a GGUF of bare ids, at which llama.cpp would end the process."""
    if llama_cpp.llama_vocab_type(vocab) == llama_cpp.LLAMA_VOCAB_TYPE_NONE:
        raise RequestError("the GGUF carries no tokenizer, only the number of its ids")
