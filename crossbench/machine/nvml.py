"""Calling NVML, NVIDIA's management library: what a call refuses is a reason, never an error.

A call may also never return, as with a driver that hangs: these are for processes whose end nobody
waits for, `card_reader` and `sampler`.

Under WSL2 the Windows driver stands behind the library, and tells no processes, no utilisation, no
persistence and little of the bus (NVIDIA's "CUDA on WSL User Guide", features not supported).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import pynvml

from crossbench.machine.reading import Reading

T = TypeVar("T")
U = TypeVar("U")
Read = Callable[[Callable[[], T]], Reading[T]]
NO_DRIVER = "no NVIDIA driver is installed (no libnvidia-ml.so.1)"
WSL_PROCESSES = "not told under WSL2, which shows no process of Windows"


@contextmanager
def opened() -> Iterator[None]:
    """The library in use. Raises NVMLError where it is not to be had."""
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def handles() -> list[Reading[Any]]:
    """Of all devices; of one that has fallen off the bus, why it cannot be opened."""
    return [
        plain(partial(pynvml.nvmlDeviceGetHandleByIndex, index))
        for index in range(pynvml.nvmlDeviceGetCount())
    ]


def plain(call: Callable[[], T]) -> Reading[T]:
    """What a call tells."""
    try:
        return Reading(call())
    except (pynvml.NVMLError, UnicodeDecodeError) as error:
        return Reading(reason=why(error))


def reader(wsl: bool) -> Read[Any]:
    """What calls tell, where a reason names WSL2 if that is what is between."""

    def read(call: Callable[[], T]) -> Reading[T]:
        found = plain(call)
        if found.value is None and wsl:
            return Reading(reason=f"not told under WSL2 ({found.reason})")
        return found

    return read


def why(error: Exception) -> str:
    """The error in a sentence."""
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return NO_DRIVER
    return f"the NVIDIA driver says: {error}"


def mapped(reading: Reading[T], change: Callable[[T], U]) -> Reading[U]:
    """The same reading in other words."""
    if reading.value is None:
        return Reading(reason=reading.reason)
    return Reading(change(reading.value))


def address(info: Any) -> str:
    """The PCI address of an `nvmlPciInfo_t`, such as "00000000:01:00.0"."""
    found = info.busId
    return found.decode() if isinstance(found, bytes) else str(found)
