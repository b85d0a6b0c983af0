"""Turning llama.cpp's failures, which are a null pointer and a log, into typed errors."""

from __future__ import annotations

import re

from crossbench.api import EngineError, OutOfMemory, Unsupported

NO_MEMORY = re.compile(
    r"out of memory|unable to allocate|failed to (re)?allocate|failed to reserve|bad_alloc"
    r"|cannot allocate memory|insufficient memory|malloc failed",
    re.IGNORECASE,
)
CANNOT = re.compile(
    r"requires flash_attn|requires flash attention|does not support|not implemented for"
    r"|unsupported|unknown model architecture|does not divide|needs >= 1 devices"
    r"|invalid value for main_gpu",
    re.IGNORECASE,
)


def failure(what: str, cause: str) -> EngineError:
    """The typed error for what llama.cpp failed at; `cause` is the end of its log."""
    cause = cause or "its log names no cause"
    if NO_MEMORY.search(cause):
        return OutOfMemory(f"{what}: {cause}")
    if CANNOT.search(cause):
        return Unsupported(f"{what}: {cause}")
    return EngineError(f"{what}: {cause}")
