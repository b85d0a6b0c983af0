"""`llama_batch`, llama.cpp's unit of work: tokens, each with its sequence and position."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

SEQUENCE = 0
"""The one sequence of a session that serves one request at a time."""


class Batch:
    """A batch that is filled again and again; llama.cpp copies what it is handed."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.full(capacity, SEQUENCE, np.int32)
        self._wanted = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        start, step = self._sequences.ctypes.data, self._sequences.itemsize
        self._pointers = np.arange(start, start + capacity * step, step, dtype=np.uintp)
        whole = ctypes.POINTER(ctypes.c_int32)
        self.raw: Any = llama_cpp.llama_batch(
            n_tokens=capacity,
            token=self._tokens.ctypes.data_as(whole),
            pos=self._positions.ctypes.data_as(whole),
            n_seq_id=self._ones.ctypes.data_as(whole),
            seq_id=self._pointers.ctypes.data_as(ctypes.POINTER(whole)),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, tokens: NDArray[np.int32], start: int, wanted: int) -> None:
        """Hold these tokens of `SEQUENCE` from position `start` on, and no others.

        Logits of the last `wanted` are wanted.
        """
        self.clear()
        self.add(tokens, SEQUENCE, start, wanted)

    def clear(self) -> None:
        """Hold nothing."""
        self.raw.n_tokens = 0

    def add(self, tokens: NDArray[np.int32], sequence: int, start: int, wanted: int) -> None:
        """Hold these too, of a sequence from position `start` on, as in `fill`."""
        begin = self.raw.n_tokens
        end = begin + len(tokens)
        self._tokens[begin:end] = tokens
        self._positions[begin:end] = np.arange(start, start + len(tokens), dtype=np.int32)
        self._sequences[begin:end] = sequence
        self._wanted[begin:end] = 0
        self._wanted[end - wanted : end] = 1
        self.raw.n_tokens = end

    def add_one(self, token: int, sequence: int, position: int) -> None:
        """Hold one more token, whose logits are wanted."""
        place = self.raw.n_tokens
        self._tokens[place] = token
        self._positions[place] = position
        self._sequences[place] = sequence
        self._wanted[place] = 1
        self.raw.n_tokens = place + 1
