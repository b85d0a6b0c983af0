"""Devices of other machines: what llama.cpp's RPC servers offer, as devices to load a model on.

The functions are those of `ggml-backend.h` and `ggml-rpc.h` of ggml 0.25. The devices are handed to
the model and never entered into ggml's registry, so that they are used by that model only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from crossbench.api import EngineError, Unsupported
from crossbench_llamacpp import endpoint, library
from crossbench_llamacpp.library import EngineDevice


def devices(endpoints: Sequence[str]) -> tuple[EngineDevice, ...]:
    """The devices of these servers ("host:port"), in their order; none of none.

    Raises Unsupported for a build without RPC or a server named twice, and what `endpoint.greet`
    raises.
    """
    if not endpoints:
        return ()
    add_server = function("ggml_backend_rpc_add_server", ctypes.c_void_p, ctypes.c_char_p)
    _check_distinct(endpoints)
    for text in endpoints:
        endpoint.greet(endpoint.parse(text))
    return tuple(device for text in endpoints for device in _offered(text, add_server))


def function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of llama.cpp's RPC backend. Raises Unsupported where the build has none."""
    by_name = library.function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)
    find = library.function(
        "ggml_backend_reg_get_proc_address", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p
    )
    backend = by_name(b"RPC")
    found = find(backend, name.encode()) if backend else None
    if not found:
        raise Unsupported(
            "this build of llama.cpp has no RPC backend; use one that is compiled with "
            'GGML_RPC=ON, such as the environment of variant = "rpc"'
        )
    return ctypes.CFUNCTYPE(result, *arguments)(found)


def _check_distinct(endpoints: Sequence[str]) -> None:
    """Raise Unsupported where two names lead to one server, which serves one client at a time."""
    known: dict[endpoint.Endpoint, str] = {}
    for text in endpoints:
        other = known.setdefault(endpoint.address(endpoint.parse(text)), text)
        if other != text:
            raise Unsupported(f"{other} and {text} of rpc_servers are one server; drop one of them")


def _offered(text: str, add_server: Any) -> list[EngineDevice]:
    """What one server offers."""
    backend = add_server(text.encode())
    if not backend:
        raise EngineError(f"the RPC server at {text} offers no device")
    count = library.function("ggml_backend_reg_dev_count", ctypes.c_size_t, ctypes.c_void_p)
    get = library.function(
        "ggml_backend_reg_dev_get", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t
    )
    return [library.device(get(backend, index), remote=True) for index in range(count(backend))]
