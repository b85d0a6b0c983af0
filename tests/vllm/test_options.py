"""What a suite may say of a vLLM target, and what it is told where that is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from crossbench_vllm.options import VllmOptions


def convert(**given: Any) -> VllmOptions:
    return msgspec.convert(given, VllmOptions)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tensor_parallel": 2}, "unknown field `tensor_parallel`"),
        ({"tensor_parallel_size": "2"}, "Expected `int`"),
        ({"tensor_parallel_size": 0}, ">= 1"),
        ({"dtype": "f16"}, "Invalid enum value 'f16'"),
        ({"kv_cache_dtype": "q8_0"}, "Invalid enum value 'q8_0'"),
        ({"gpu_memory_utilization": 1.5}, "<= 1"),
        ({"kv_cache_gib": 0}, "> 0"),
        ({"nccl_p2p_level": "sys"}, "Invalid enum value 'sys'"),
        ({"nccl_algo": "Ring; rm"}, "matching regex"),
        ({"optimization_level": 4}, "<= 3"),
        ({"cpu_omp_threads_bind": "all"}, "matching regex"),
        ({"nccl_min_nchannels": 4, "nccl_max_nchannels": 2}, "the least may be at most the most"),
        ({"max_num_batched_tokens": 64, "max_num_seqs": 128}, "at least one token of each"),
        ({"cpu_omp_threads_bind": "0|1"}, "of 2 ranks and there are 1"),
        ({"cpu_omp_threads_bind": "0|", "tensor_parallel_size": 2}, "give each rank a list"),
    ],
)
def test_a_wrong_option_is_refused_in_clear_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said.replace("|", r"\|")):
        convert(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"tensor_parallel_size": 2, "nccl_p2p_disable": True, "nccl_p2p_level": "SYS"},
        {"tensor_parallel_size": 2, "pipeline_parallel_size": 2, "cpu_omp_threads_bind": "0|1|2|3"},
        {"cpu_omp_threads_bind": "0-3,8"},
        {"cpu_omp_threads_bind": "nobind", "tensor_parallel_size": 2},
        {"quantization": "awq_marlin", "kv_cache_dtype": "fp8", "cpu_offload_gib": 4},
        {"nccl_algo": "^Ring,Tree", "gpu_memory_utilization": 1},
    ],
)
def test_what_vllm_can_do_is_not_refused(given: dict[str, Any]) -> None:
    convert(**given)


def test_the_prefix_cache_is_off_unless_asked_for() -> None:
    assert convert().enable_prefix_caching is False


def test_every_option_is_documented_in_its_schema() -> None:
    schema = msgspec.json.schema(VllmOptions)["$defs"]["VllmOptions"]["properties"]
    assert set(schema) == set(VllmOptions.__struct_fields__)
    undocumented = [name for name, entry in schema.items() if not entry.get("description")]
    assert undocumented == []


def test_declaration_and_options_import_no_engine() -> None:
    code = (
        "import sys, crossbench_vllm.plugin, crossbench_vllm.options;"
        "sys.exit(bool({'vllm', 'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
