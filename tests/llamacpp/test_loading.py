"""Loading by the real engine: typed failures with a cause, clean reloads, and true descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY
from tests.llamacpp.conftest import Probe

pytestmark = pytest.mark.engine("llamacpp")


@pytest.fixture
def truncated(tmp_path: Path, model: str) -> str:
    path = tmp_path / "truncated.gguf"
    path.write_bytes(Path(model).read_bytes()[:4_000_000])
    return str(path)


@pytest.fixture
def lying(tmp_path: Path, model: str) -> str:
    """A header that promises 2**40 tensors."""
    data = bytearray(Path(model).read_bytes())
    data[8:16] = (2**40).to_bytes(8, "little")
    path = tmp_path / "lying.gguf"
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.gguf"
    path.write_text("version https://example.org/not-a-model")
    return str(path)


def test_bad_files_fail_with_their_cause_and_the_process_goes_on(
    probe: Probe, model: str, tmp_path: Path, truncated: str, lying: str, text: str
) -> None:
    missing = str(tmp_path / "missing.gguf")
    result = probe(
        "failures_then_success", bad=[missing, str(tmp_path), text, truncated, lying], model=model
    )
    kinds, messages = zip(*result["errors"], strict=True)
    assert set(kinds) == {"EngineError"}
    assert "missing.gguf: No such file or directory" in messages[0]
    assert "Is a directory" in messages[1]
    assert "is not a GGUF file" in messages[2]
    assert "not within the file bounds" in messages[3]
    assert "failed to read tensor info" in messages[4]
    assert result["tokens"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split_mode": "row"}, "split_mode row needs GPUs"),
        ({"split_mode": "tensor"}, "split_mode tensor needs GPUs"),
        ({"tensor_split": [1, 1, 1, 1, 1, 1, 1, 1]}, "tensor_split names 8 GPUs"),
        ({"split_mode": "none", "main_gpu": 8}, "main_gpu is 8"),
    ],
)
def test_options_of_a_rig_that_is_not_there_are_unsupported(
    probe: Probe, model: str, options: dict[str, Any], said: str
) -> None:
    kind, message = probe("load_failure", model=model, **options)
    assert (kind, said in message) == ("Unsupported", True), message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"streams": 257}, "257 requests are to run at once; llama.cpp has room for 256"),
        ({"streams": 8, "n_batch": 7, "n_ubatch": 7}, "8 requests are to run at once and n_batch"),
        ({"streams": 200, "n_ctx": 2**24}, "200 requests of 16777216 tokens each"),
    ],
)
def test_more_at_once_than_llama_cpp_can_serve_is_unsupported(
    probe: Probe, model: str, options: dict[str, Any], said: str
) -> None:
    kind, message = probe("load_failure", model=model, **options)
    assert (kind, said in message) == ("Unsupported", True), message


@pytest.mark.parametrize("unified", [False, True])
def test_each_request_has_the_context_that_was_asked_for(
    probe: Probe, model: str, unified: bool
) -> None:
    told = probe("described", model=model, context=700, streams=3, kv_unified=unified)
    loaded = told["loaded"]
    assert loaded["context_tokens"]["value"] == 768
    assert loaded["kv_capacity_tokens"]["value"] == 3 * 768
    assert told["memory"]["cpu"]["kv_bytes"] == 4 * 2 * 128 * 2 * 3 * 768
    assert loaded["settings"]["streams"]["value"] == 3
    assert loaded["settings"]["kv_unified"]["value"] is unified


def test_a_context_past_all_memory_is_out_of_memory(probe: Probe, model: str) -> None:
    kind, message = probe("load_failure", model=model, n_ctx=2**22, address_space_gib=4)
    assert kind == "OutOfMemory", message
    assert "context of 4194304 tokens" in message


def test_reloading_in_one_process_gives_the_memory_back(probe: Probe, model: str) -> None:
    context = 32_768
    resident = probe("reloaded", model=model, times=6, context=context)
    kv_bytes = 2 * 4 * 128 * 2 * context
    assert kv_bytes > 60e6
    assert max(resident[2:]) - resident[1] < kv_bytes / 4


def test_nothing_is_printed_to_standard_output(probe: Probe, model: str) -> None:
    assert probe("printed", model=model) == ""


def test_a_description_tells_what_was_resolved(probe: Probe, model: str) -> None:
    found = probe("described", model=model, context=500)
    loaded, settings = found["loaded"], found["loaded"]["settings"]
    assert loaded["boundary"] == "library"
    assert loaded["engine_build"]["value"].startswith("llama.cpp ")
    assert "commit" in loaded["engine_build"]["value"]
    assert loaded["parallelism"] == {"value": "none", "source": "log"}
    assert [(device["id"], device["kind"]) for device in loaded["devices"]] == [("cpu", "cpu")]
    assert loaded["context_tokens"]["value"] == loaded["kv_capacity_tokens"]["value"] == 512
    assert 4e6 < loaded["parameters"]["value"] < 5e6
    assert 15.9 < 8 * loaded["weight_bytes"]["value"] / loaded["parameters"]["value"] < 16.1
    assert loaded["kv_dtype"]["value"] == "f16"
    assert loaded["attention"] == {"value": "flash", "source": "log"}
    assert loaded["prefix_cache"]["value"] is False
    assert (settings["threads"]["value"], settings["threads_batch"]["value"]) == (1, 1)
    assert settings["load_mode"]["value"] == "mmap"
    assert settings["layers_by_device"]["value"] == {"cpu": 5}
    assert "CPU" in settings["backends"]["value"]
    assert settings["nccl_linked"]["value"] is False
    assert loaded["ignored"] == []


def test_memory_is_that_of_the_buffers(probe: Probe, model: str) -> None:
    memory = probe("described", model=model, context=4096)["memory"]["cpu"]
    assert memory["kv_bytes"] == 4 * 2 * 128 * 2 * 4096
    assert memory["weights_bytes"] == pytest.approx(8.4e6, rel=0.02)
    assert memory["compute_bytes"] > 0
    parts = ("weights_bytes", "kv_bytes", "compute_bytes")
    assert memory["used_bytes"] == sum(memory[part] for part in parts)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"flash_attn": "off"}, {"attention": "standard"}),
        ({"flash_attn": "on"}, {"attention": "flash"}),
        ({"type_k": "q8_0", "type_v": "q8_0"}, {"kv_dtype": "q8_0", "attention": "flash"}),
        ({"type_k": "q8_0", "type_v": "q4_0"}, {"kv_dtype": "q8_0/q4_0"}),
        ({"type_k": "q8_0", "flash_attn": "off"}, {"kv_dtype": "q8_0/f16"}),
        ({"type_k": "f32", "type_v": "bf16"}, {"kv_dtype": "f32/bf16"}),
        ({"use_mmap": False}, {"load_mode": "none"}),
        ({"n_batch": 128, "n_ubatch": 64}, {"n_batch": 128, "n_ubatch": 64}),
        ({"threads": 1, "threads_batch": 2}, {"threads": 1, "threads_batch": 2}),
        ({"n_ctx": 1000}, {"context_tokens": 1024}),
        ({"n_gpu_layers": 5}, {"ignored": ["n_gpu_layers"]}),
    ],
)
def test_each_option_reaches_the_engine(
    probe: Probe, model: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    loaded = probe("described", model=model, **options)["loaded"]
    for key, value in expected.items():
        fact = loaded["settings"].get(key) or loaded[key]
        assert (fact["value"] if isinstance(fact, dict) else fact) == value, key


@pytest.mark.parametrize("kv", ["q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"])
def test_quantised_kv_caches_generate(probe: Probe, model: str, kv: str) -> None:
    (row,) = probe("shapes", model=model, lengths=[65], outputs=[17], type_k=kv, type_v=kv)
    assert (len(row["ids"]), row["cached"]) == (17, 0)


@pytest.mark.parametrize("name", ["tiny-q8_0.gguf", "tiny-q4_k_m.gguf"])
def test_quantised_weights_generate_and_weigh_less(probe: Probe, name: str) -> None:
    path = str(TINY / name)
    (row,) = probe("shapes", model=path, lengths=[33], outputs=[17])
    assert (len(row["ids"]), row["cached"]) == (17, 0)
    loaded = probe("described", model=path)["loaded"]
    assert 8 * loaded["weight_bytes"]["value"] / loaded["parameters"]["value"] < 8.6
