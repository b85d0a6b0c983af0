"""The options in llama.cpp's own terms: model and context parameters, as llama-bench sets them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp

from crossbench.api import Unsupported
from crossbench_llamacpp.library import EngineDevice
from crossbench_llamacpp.options import MAX_TOKENS, LlamaCppOptions
from crossbench_llamacpp.threads import physical_cores

SPLIT_MODES = {
    "none": llama_cpp.LLAMA_SPLIT_MODE_NONE,
    "layer": llama_cpp.LLAMA_SPLIT_MODE_LAYER,
    "row": llama_cpp.LLAMA_SPLIT_MODE_ROW,
    "tensor": llama_cpp.LLAMA_SPLIT_MODE_TENSOR,
}
FLASH_ATTENTION = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
LOAD_MODES = {
    # (use_mmap, use_mlock); a plain mmap is left to llama.cpp, which knows what each device can.
    (True, False): llama_cpp.LLAMA_LOAD_MODE_AUTO,
    (True, True): llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
    (False, False): llama_cpp.LLAMA_LOAD_MODE_NONE,
    (False, True): llama_cpp.LLAMA_LOAD_MODE_MLOCK,
}

BF16 = 30
"""GGML_TYPE_BF16 of `ggml.h`, which the binding leaves out."""


def check_devices(options: LlamaCppOptions, devices: Sequence[EngineDevice]) -> None:
    """Raise Unsupported for options that need GPUs which llama.cpp would silently do without.

    `devices` are those that layers may be put on.
    """
    here = ", ".join(f"{known.name} ({known.device.name})" for known in devices) or "no GPU"
    if options.split_mode in {"row", "tensor"} and not devices:
        raise Unsupported(
            f"split_mode {options.split_mode} needs GPUs; this build of llama.cpp sees {here}"
        )
    if len(options.tensor_split or ()) > len(devices):
        raise Unsupported(
            f"tensor_split names {len(options.tensor_split or ())} GPUs; "
            f"this build of llama.cpp sees {here}"
        )
    if options.main_gpu and options.main_gpu >= len(devices):
        raise Unsupported(f"main_gpu is {options.main_gpu}; this build of llama.cpp sees {here}")


def of_model(options: LlamaCppOptions, devices: Sequence[EngineDevice]) -> Any:
    """`llama_model_params`. It owns its arrays, so keep it until the model is loaded.

    The choice of `devices` is left to llama.cpp, except that it knows of no remote ones.
    """
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = options.n_gpu_layers
    params.split_mode = SPLIT_MODES[options.split_mode]
    params.main_gpu = options.main_gpu
    params.load_mode = LOAD_MODES[options.use_mmap, options.use_mlock]
    split = options.tensor_split
    if options.rpc_servers:
        # Free memory differs from run to run by a little, and so would a split that follows it.
        split = split or [1.0] * len(devices)
        params.handles = (ctypes.c_void_p * (len(devices) + 1))(*(each.handle for each in devices))
        params.devices = ctypes.addressof(params.handles)
    if split is not None:
        params.tensor_split = (ctypes.c_float * llama_cpp.llama_max_devices())(*split)
    return params


def check_streams(options: LlamaCppOptions, streams: int) -> None:
    """Raise Unsupported where so many requests cannot be served at once."""
    most = llama_cpp.llama_max_parallel_sequences()
    if streams > most:
        raise Unsupported(
            f"{streams} requests are to run at once; llama.cpp has room for {most} sequences"
        )
    if streams > options.n_batch:
        raise Unsupported(
            f"{streams} requests are to run at once and n_batch is {options.n_batch}: a call must "
            "hold a token of each; raise n_batch"
        )


def of_context(options: LlamaCppOptions, context_tokens: int, streams: int) -> Any:
    """`llama_context_params` for so many sequences, each of at least `context_tokens`.

    n_ctx, where it is set, is of each sequence; llama.cpp's own is of all of them. Raises
    Unsupported where that is more than it can count.
    """
    params = llama_cpp.llama_context_default_params()
    each = options.n_ctx or context_tokens
    if each * streams > MAX_TOKENS:
        raise Unsupported(
            f"{streams} requests of {each} tokens each are to run at once; llama.cpp counts to "
            f"{MAX_TOKENS} tokens"
        )
    params.n_ctx = each * streams
    params.n_batch = options.n_batch
    params.n_ubatch = options.n_ubatch
    params.n_seq_max = streams
    params.kv_unified = options.kv_unified
    params.flash_attn_type = FLASH_ATTENTION[options.flash_attn]
    params.type_k = _ggml_type(options.type_k)
    params.type_v = _ggml_type(options.type_v)
    params.offload_kqv = options.offload_kqv
    params.op_offload = options.op_offload
    params.swa_full = False
    params.no_perf = False
    params.n_threads = options.threads or physical_cores()
    params.n_threads_batch = options.threads_batch or params.n_threads
    return params


def _ggml_type(name: str) -> int:
    return BF16 if name == "bf16" else int(getattr(llama_cpp, f"GGML_TYPE_{name.upper()}"))
