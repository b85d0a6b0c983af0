"""vLLM keeps the contract, on the tiny model."""

from __future__ import annotations

import pytest

from crossbench.testing import BackendConformance
from tests.conftest import TINY

pytestmark = [
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(600),
]


class TestVllm(BackendConformance):
    backend = "vllm"
    artifact = TINY
    options = {  # noqa: RUF012 - as an adopter writes it
        "dtype": "float32",
        "enforce_eager": True,
        "kv_cache_gib": 0.0625,
    }
    bad_options = [  # noqa: RUF012
        {"tensor_parallel_size": 0},
        {"dtype": "int3"},
        {"gpu_memory_utilization": 1.5},
    ]
    context_tokens = 384
    separate_scoring = False
    loads = 2
    memory_growth_mib = 64
