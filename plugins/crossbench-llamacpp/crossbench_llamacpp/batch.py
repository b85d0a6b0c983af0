"""`llama_batch`, llama.cpp's unit of work: tokens with positions, all of one sequence here."""

from __future__ import annotations

from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

SEQUENCE = 0


class Batch:
    """A batch allocated once and filled again and again."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.raw: Any = llama_cpp.llama_batch_init(capacity, 0, 1)
        self.raw.n_tokens = capacity
        self._tokens = np.ctypeslib.as_array(self.raw.token, (capacity,))
        self._positions = np.ctypeslib.as_array(self.raw.pos, (capacity,))
        self._wanted = np.ctypeslib.as_array(self.raw.logits, (capacity,))
        np.ctypeslib.as_array(self.raw.n_seq_id, (capacity,))[:] = 1
        for index in range(capacity):
            self.raw.seq_id[index][0] = SEQUENCE

    def fill(self, tokens: NDArray[np.int32], start: int, wanted: int) -> None:
        """Hold these tokens from position `start` on; logits of the last `wanted` are wanted."""
        count = len(tokens)
        self.raw.n_tokens = count
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(start, start + count, dtype=np.int32)
        self._wanted[:count] = 0
        self._wanted[count - wanted : count] = 1

    def free(self) -> None:
        """Give the memory back; the batch is of no use afterwards."""
        llama_cpp.llama_batch_free(self.raw)
