"""Turning vLLM's failures, which are words, into typed errors."""

from __future__ import annotations

import re

from crossbench.api import EngineError, OutOfMemory, Unsupported

NO_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|No available memory for the cache blocks"
    r"|larger than the available KV cache memory|Available memory on node|Free memory on device"
    r"|can't allocate memory|cannot allocate memory|MemoryError|not enough memory|bad_alloc",
    re.IGNORECASE,
)
CANNOT = re.compile(
    r"divisible|unknown quantization|not supported|unsupported|does not support|doesn't support"
    r"|not support|greater than the derived max_model_len|not enough allowed NUMA nodes"
    r"|NotImplementedError|no kernel image|compute capability|not enough (gpu|device)s|World size",
    re.IGNORECASE,
)
MOST_CHARACTERS = 600


def failure(what: str, cause: str) -> EngineError:
    """The typed error for what vLLM failed at; `cause` is vLLM's own word on it."""
    told = cause or "the engine's output, which could not be read here, tells the cause"
    told = told if len(told) <= MOST_CHARACTERS else f"{told[:MOST_CHARACTERS]}..."
    kind: type[EngineError] = EngineError
    if NO_MEMORY.search(cause):
        kind = OutOfMemory
    elif CANNOT.search(cause):
        kind = Unsupported
    return kind(f"{what}: {told}")


def words(error: BaseException) -> str:
    """What an exception says, in one line; of a pydantic error only the message itself."""
    details = getattr(error, "errors", None)
    if callable(details):
        messages = [str(each["msg"]).removeprefix("Value error, ") for each in details()]
        return " ".join("; ".join(messages).split())
    return " ".join(str(error).split()) or type(error).__name__
