"""What a build of llama.cpp has in it: its backends, and whether NCCL is linked."""

from __future__ import annotations

import ctypes
from pathlib import Path

from crossbench_llamacpp.library import function

MAPS = Path("/proc/self/maps")


def backends() -> list[str]:
    """Names of the backends in this build, such as "CUDA" and "CPU", in ggml's order."""
    count = function("ggml_backend_reg_count", ctypes.c_size_t)()
    get = function("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    name = function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    return [(name(get(place)) or b"").decode("utf-8", "replace") for place in range(count)]


def nccl(maps: Path = MAPS) -> bool | None:
    """Whether this process has loaded NCCL, as a build that is linked with it does at once.

    None where the system does not tell what a process has loaded.
    """
    try:
        return "libnccl" in maps.read_text(errors="replace")
    except OSError:
        return None
