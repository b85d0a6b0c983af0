"""llama.cpp through its low-level interface: tokenisation and the logits of every position."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import llama_cpp
import numpy as np
from numpy.typing import NDArray


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator, misc, unused-ignore]
def _drop(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    """Take llama.cpp's log and keep none of it."""


def silence() -> None:
    """Keep llama.cpp from writing its log to stderr."""
    llama_cpp.llama_log_set(_drop, ctypes.c_void_p(0))


class Native:
    """One GGUF file, loaded on the CPU."""

    def __init__(self, path: Path, window: int = 2048, threads: int = 1) -> None:
        silence()
        llama_cpp.llama_backend_init()
        model_params = llama_cpp.llama_model_default_params()
        model_params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(bytes(path), model_params)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = window
        params.n_threads = params.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.vocab_size = int(llama_cpp.llama_vocab_n_tokens(self.vocab))
        self.batch = llama_cpp.llama_batch_init(window, 0, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        """The ids of a text, special tokens read as such and none added."""
        raw = text.encode()
        room = len(raw) + 8
        ids = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), ids, room, False, True)
        return list(ids[:count])

    def piece(self, token: int) -> bytes:
        """The bytes of one token."""
        room = 256
        buffer = ctypes.create_string_buffer(room)
        count = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, room, 0, True)
        return buffer.raw[:count]

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Logits at every position of a sequence that starts from an empty cache."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        self.batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            self.batch.token[i] = token
            self.batch.pos[i] = i
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = 0
            self.batch.logits[i] = 1
        if llama_cpp.llama_decode(self.context, self.batch):
            raise RuntimeError("llama.cpp could not decode the batch")
        found = llama_cpp.llama_get_logits(self.context)
        shape = (len(tokens), self.vocab_size)
        return np.ctypeslib.as_array(found, shape=shape).copy()
