"""Options are checked without an engine, and defaults are those of llama-bench."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from crossbench_llamacpp.options import LlamaCppOptions


def convert(**options: Any) -> LlamaCppOptions:
    return msgspec.convert(options, LlamaCppOptions)


def test_defaults_are_those_of_llama_bench() -> None:
    options = convert()
    assert (options.n_gpu_layers, options.split_mode, options.main_gpu) == (-1, "layer", 0)
    assert (options.n_batch, options.n_ubatch, options.flash_attn) == (2048, 512, "auto")
    assert (options.type_k, options.type_v) == ("f16", "f16")
    assert (options.use_mmap, options.use_mlock, options.offload_kqv) == (True, False, True)
    assert (options.n_ctx, options.tensor_split, options.threads) == (None, None, None)


def test_a_dual_gpu_rig_can_be_written_as_in_the_suite_of_the_design() -> None:
    options = convert(split_mode="layer", tensor_split=[1, 1], n_ctx=8192)
    assert options.tensor_split == [1.0, 1.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_gpu_layer": 3}, "unknown field `n_gpu_layer`"),
        ({"n_gpu_layers": -2}, ">= -1"),
        ({"split_mode": "both"}, "Invalid enum value 'both'"),
        ({"flash_attn": True}, "Expected `str`"),
        ({"type_k": "q3_k"}, "Invalid enum value 'q3_k'"),
        ({"n_ctx": 0}, ">= 1"),
        ({"n_batch": 2**31}, "<= 2147483647"),
        ({"threads": 0}, ">= 1"),
        ({"main_gpu": -1}, ">= 0"),
        ({"tensor_split": []}, "length >= 1"),
        ({"tensor_split": [1, -1]}, ">= 0"),
        ({"tensor_split": [0, 0]}, "every GPU a share of 0"),
        ({"tensor_split": [1, 1], "split_mode": "none"}, "split_mode none uses one"),
        ({"main_gpu": 1}, "only under split_mode none"),
        ({"n_batch": 256, "n_ubatch": 512}, "n_ubatch may be at most n_batch"),
        ({"type_v": "q8_0", "flash_attn": "off"}, "needs flash attention"),
        ({"split_mode": "tensor", "flash_attn": "off"}, "needs flash attention"),
        ({"split_mode": "tensor", "offload_kqv": False}, "wrong tokens under split_mode tensor"),
        ({"rpc_servers": []}, "length >= 1"),
        ({"rpc_servers": ["one:1"] * 17}, "length <= 16"),
        ({"rpc_servers": "one:1"}, "Expected `array"),
        ({"rpc_servers": ["one"]}, "'one' is no endpoint"),
        ({"rpc_servers": ["one:1", "two:2", "one:1"]}, "names one:1 twice"),
        ({"rpc_servers": ["one:1"], "n_gpu_layers": 0}, "leaves nothing to rpc_servers"),
    ],
)
def test_a_wrong_option_is_refused_in_clear_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        convert(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"type_k": "q8_0", "flash_attn": "off"},
        {"type_v": "bf16", "flash_attn": "off"},
        {"type_v": "q4_0"},
        {"split_mode": "none", "main_gpu": 1},
        {"split_mode": "tensor"},
        {"n_batch": 512, "n_ubatch": 512},
        {"tensor_split": [0, 1]},
        {"rpc_servers": ["192.168.1.20:50052", "mac-studio.local:50052"]},
        {"rpc_servers": ["one:1"], "split_mode": "tensor", "tensor_split": [3, 1]},
        {"flash_attn": "off", "type_k": "f32", "type_v": "f32"},
    ],
)
def test_what_llama_cpp_can_do_is_not_refused(given: dict[str, Any]) -> None:
    convert(**given)


def test_every_option_is_documented_in_its_schema() -> None:
    schema = msgspec.json.schema(LlamaCppOptions)["$defs"]["LlamaCppOptions"]["properties"]
    assert set(schema) == set(LlamaCppOptions.__struct_fields__)
    undocumented = [name for name, entry in schema.items() if not entry.get("description")]
    assert undocumented == []


def test_declaration_and_options_import_no_engine() -> None:
    code = (
        "import sys, crossbench_llamacpp.plugin, crossbench_llamacpp.options;"
        "sys.exit(bool({'llama_cpp', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
