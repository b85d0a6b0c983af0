"""Errors are sorted by llama.cpp's own words, and its counters prove a cold prefill."""

from __future__ import annotations

import pytest
from msgspec import Struct

from crossbench.api import EngineError, OutOfMemory, Unsupported
from crossbench_llamacpp.failures import failure
from crossbench_llamacpp.perf import cached_prompt_tokens, native


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (
            "ggml_backend_cuda_buffer_type_alloc_buffer: ... cudaMalloc failed: out of memory",
            OutOfMemory,
        ),
        ("llama_model_load: error loading model: unable to allocate CUDA0 buffer", OutOfMemory),
        (
            "llama_init_from_model: failed to initialize the context: "
            "failed to allocate buffer for kv cache",
            OutOfMemory,
        ),
        ("llama_init_from_model: SPLIT_MODE_TENSOR requires flash_attn to be enabled", Unsupported),
        (
            "llama_model_load: error loading model: device RPC0 does not support split buffers",
            Unsupported,
        ),
        ("llama_model_load: error loading model: unknown model architecture: 'abc'", Unsupported),
        (
            "llama_model_load: error loading model: tensor 'x' data is not within the file bounds",
            EngineError,
        ),
        ("", EngineError),
    ],
)
def test_a_failure_is_typed_and_carries_its_cause(cause: str, kind: type[EngineError]) -> None:
    error = failure("llama.cpp could not load m.gguf", cause)
    assert type(error) is kind
    assert str(error).startswith("llama.cpp could not load m.gguf: ")
    assert (cause or "no cause") in str(error)


class Counters(Struct):
    n_p_eval: int
    n_eval: int
    t_p_eval_ms: float = 0.0
    t_eval_ms: float = 0.0


def counted(prompt_evaluated: int, evaluated: int) -> Counters:
    """As llama_perf_context reports them: never less than one."""
    return Counters(max(1, prompt_evaluated), max(1, evaluated), 10.0, 20.0)


@pytest.mark.parametrize(
    ("perf", "prompt", "produced"),
    [
        (counted(0, 1), 1, 1),
        (counted(0, 5), 1, 5),
        (counted(2, 0), 2, 1),
        (counted(100, 16), 100, 17),
        (counted(64, 17), 65, 17),
    ],
)
def test_a_prompt_computed_whole_counts_as_cold(perf: Counters, prompt: int, produced: int) -> None:
    assert cached_prompt_tokens(perf, prompt, produced) == 0


def test_a_reused_prefix_is_counted() -> None:
    assert cached_prompt_tokens(counted(40, 16), prompt=100, produced=17) == 60
    assert cached_prompt_tokens(counted(0, 17), prompt=100, produced=17) == 98


def test_native_figures_divide_by_what_was_timed() -> None:
    assert native(counted(100, 20), prompt=100, produced=21) == {
        "prompt_eval_ms": 10.0,
        "prompt_eval_tps": 10_000.0,
        "eval_ms": 20.0,
        "eval_tps": 1000.0,
    }
    assert set(native(counted(0, 3), prompt=1, produced=3)) == {"eval_ms", "eval_tps"}
    assert set(native(counted(9, 0), prompt=9, produced=1)) == {"prompt_eval_ms", "prompt_eval_tps"}
