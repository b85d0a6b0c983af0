"""Turning what MLX and mlx-lm raise, which are Python's general errors, into typed ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from crossbench.api import BackendError, EngineError, OutOfMemory, Unsupported

NO_MEMORY = re.compile(
    r"out of memory|insufficient memory|unable to allocate|maximum allowed buffer size"
    r"|malloc|bad_alloc|memoryallocation",
    re.IGNORECASE,
)
CANNOT = re.compile(
    r"not supported|unsupported|does not support|not implemented|quantization nyi", re.IGNORECASE
)


@contextmanager
def typed(what: str, otherwise: type[EngineError] = EngineError) -> Iterator[None]:
    """Raise whatever goes wrong inside as the error of the contract; `what` begins its message."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # models and caches raise whatever Python has
        raise failure(what, error, otherwise) from error


def failure(what: str, error: Exception, otherwise: type[EngineError]) -> EngineError:
    """The typed error for what MLX or mlx-lm raised; `otherwise` where its words tell no kind."""
    said = str(error) or type(error).__name__
    if isinstance(error, LookupError | TypeError | AttributeError):
        said = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or NO_MEMORY.search(said):
        return OutOfMemory(f"{what}: {said}")
    if isinstance(error, NotImplementedError) or CANNOT.search(said):
        return Unsupported(f"{what}: {said}")
    return otherwise(f"{what}: {said}")
