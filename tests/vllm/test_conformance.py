"""vLLM keeps the contract, on the tiny model, by `crossbench plugins check`."""

from __future__ import annotations

import pytest

from tests.plugins import ours

BAD_OPTIONS = (
    "{tensor_parallel_size = 0}",
    '{dtype = "int3"}',
    "{gpu_memory_utilization = 1.5}",
)


@pytest.mark.slow
@pytest.mark.engine("vllm")
@pytest.mark.timeout(600)
def test_every_rule_of_the_contract_is_kept() -> None:
    ours.assert_kept("vllm", bad_options=BAD_OPTIONS, timeout_s=580)
