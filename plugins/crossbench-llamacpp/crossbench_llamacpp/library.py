"""What the shared libraries tell beyond the Python binding: their build, and the devices they see.

Structures follow `ggml-backend.h` of ggml 0.25, which llama-cpp-python 0.3.36 carries.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import llama_cpp
from msgspec import Struct

from crossbench.api import Device, Unsupported

OLDEST = (0, 3, 36)
Role: TypeAlias = Literal["cpu", "gpu", "integrated", "remote", "other"]
ROLES: dict[int, Role] = {0: "cpu", 1: "gpu", 2: "integrated"}
"""Of `enum ggml_backend_dev_type`, which calls every remote device a GPU."""
KINDS: dict[Role, Literal["cpu", "gpu"]] = {"cpu": "cpu", "gpu": "gpu", "integrated": "gpu"}
REMOTE_BUFFER = re.compile(r"RPC(\d+)\[(.+)\]")

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


def function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of the library with a prototype of our own; the binding's stays as it is."""
    function = _lib[name]
    function.restype = result
    function.argtypes = arguments
    return function


# The binding wraps each address in a pointer object; a plain number is a third of the price.
logits_address = function("llama_get_logits", ctypes.c_void_p, ctypes.c_void_p)


class EngineDevice(Struct, frozen=True):
    """A device as ggml names it ("CUDA0"), its own type of buffer, and what a report calls it."""

    name: str
    buffer: str
    role: Role
    handle: int
    """Its `ggml_backend_dev_t`."""
    device: Device


def devices() -> tuple[EngineDevice, ...]:
    """Every device of this build on this machine, in ggml's order, the CPU included."""
    count = function("ggml_backend_dev_count", ctypes.c_size_t)()
    get = function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    return tuple(device(get(index)) for index in range(count))


def accelerators(known: Sequence[EngineDevice]) -> tuple[EngineDevice, ...]:
    """Those that llama.cpp would put layers on: remote ones first, then this machine's GPUs.

    Integrated GPUs count where there is no other, and a GPU that two backends see counts once.
    """
    remote = [each for each in known if each.role == "remote"]
    here = [each for each in known if each.role == "gpu"]
    here = here or [each for each in known if each.role == "integrated"]
    first = {each.device.id: each for each in reversed(here)}
    return (*remote, *(each for each in here if first[each.device.id] is each))


def device(handle: int, *, remote: bool = False) -> EngineDevice:
    """What ggml tells of one device."""
    props = _Props()
    read = function("ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(_Props))
    read(handle, ctypes.byref(props))
    buffer_type = function("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)
    buffer_name = function("ggml_backend_buft_name", ctypes.c_char_p, ctypes.c_void_p)
    name, buffer = _text(props.name), _text(buffer_name(buffer_type(handle)))
    role: Role = "remote" if remote else ROLES.get(props.type, "other")
    return EngineDevice(
        name,
        buffer,
        role,
        handle,
        Device(
            id=_identity(role, _text(props.device_id), buffer),
            name=_text(props.description).strip() or name,
            kind=KINDS.get(role, "other"),
            total_bytes=props.memory_total or None,
        ),
    )


def _identity(role: Role, device_id: str, buffer: str) -> str:
    """What names a device from run to run: its own id, else its endpoint, else its buffers.

    A server's second device is "host:port/1".
    """
    if role == "cpu":
        return "cpu"
    if match := REMOTE_BUFFER.fullmatch(buffer):
        return match[2] if match[1] == "0" else f"{match[2]}/{match[1]}"
    return device_id or buffer


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def context_tokens(context: Any) -> int:
    """Tokens that each sequence of a context may hold, all of them at once."""
    return int(llama_cpp.llama_n_ctx(context) // llama_cpp.llama_n_seq_max(context))


def build() -> str:
    """The versions of llama.cpp, ggml and the binding, and the commit they were built from."""
    llama, ggml, commit = (
        _text(function(name, ctypes.c_char_p)())
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
