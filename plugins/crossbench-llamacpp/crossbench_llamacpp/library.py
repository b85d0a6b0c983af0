"""What the shared libraries tell beyond the Python binding: their build, and the devices they see.

Structures follow `ggml-backend.h` of ggml 0.25, which llama-cpp-python 0.3.36 carries.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

import llama_cpp
from msgspec import Struct

from crossbench.api import Device, Unsupported

OLDEST = (0, 3, 36)
DEVICE_KINDS = {0: "cpu", 1: "gpu", 2: "gpu", 3: "other", 4: "other"}

_lib: Any = llama_cpp.llama_cpp._lib


class _Props(ctypes.Structure):
    """`struct ggml_backend_dev_props`, with room for fields that a later version appends."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", ctypes.c_bool * 5),
        ("later", ctypes.c_char * 128),
    )


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of the library with a prototype of our own; the binding's stays as it is."""
    function = _lib[name]
    function.restype = result
    function.argtypes = arguments
    return function


# The binding wraps each address in a pointer object; a plain number is a third of the price.
logits_address = _function("llama_get_logits", ctypes.c_void_p, ctypes.c_void_p)


class EngineDevice(Struct, frozen=True):
    """A device as ggml names it ("CUDA0"), its own type of buffer, and what a report calls it."""

    name: str
    buffer: str
    device: Device


def devices() -> tuple[EngineDevice, ...]:
    """Every device of this build on this machine, in ggml's order, the CPU included."""
    count = _function("ggml_backend_dev_count", ctypes.c_size_t)()
    get = _function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    return tuple(_device(get(index)) for index in range(count))


def _device(handle: int) -> EngineDevice:
    props = _Props()
    read = _function("ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(_Props))
    read(handle, ctypes.byref(props))
    buffer_type = _function("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)
    buffer_name = _function("ggml_backend_buft_name", ctypes.c_char_p, ctypes.c_void_p)
    name, buffer = _text(props.name), _text(buffer_name(buffer_type(handle)))
    kind = DEVICE_KINDS.get(props.type, "other")
    return EngineDevice(
        name,
        buffer,
        Device(
            # Of an RPC device only the buffers name the endpoint, which outlives its number.
            id="cpu" if kind == "cpu" else _text(props.device_id) or buffer,
            name=_text(props.description).strip() or name,
            kind=kind,  # type: ignore[arg-type]  # DEVICE_KINDS holds the three literals
            total_bytes=props.memory_total or None,
        ),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def build() -> str:
    """The versions of llama.cpp, ggml and the binding, and the commit they were built from."""
    llama, ggml, commit = (
        _text(_function(name, ctypes.c_char_p)())
        for name in ("llama_version", "ggml_version", "ggml_commit")
    )
    return (
        f"llama.cpp {llama} (ggml {ggml}, commit {commit}), llama-cpp-python "
        f"{llama_cpp.__version__}"
    )


def system_info() -> str:
    """Instruction sets and features that the backends were compiled with and found."""
    return _text(llama_cpp.llama_print_system_info()).strip(" |")


def check_version() -> None:
    """Raise Unsupported where the binding's structures are older than this plugin knows."""
    found = tuple(int(number) for number in re.findall(r"\d+", llama_cpp.__version__)[:3])
    if found < OLDEST:
        raise Unsupported(
            f"llama-cpp-python {llama_cpp.__version__} is installed; "
            f"{'.'.join(map(str, OLDEST))} or newer is needed"
        )
