"""What is read from a model's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from crossbench.api import EngineError, RequestError, tokenizer_json_tokens
from crossbench_vllm.artifact import Artifact
from tests.conftest import TINY

Tensors = Mapping[str, tuple[str, list[int], int]]


def folder(path: Path, tensors: Tensors, config: Mapping[str, object] | None = None) -> Artifact:
    """A model of zeros: name -> type, shape, bytes."""
    header, end = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(end)
    (path / "model.safetensors").write_bytes(data)
    (path / "config.json").write_text(json.dumps(config or {}))
    return Artifact(str(path))


def test_the_tiny_model_is_counted() -> None:
    weights = Artifact(str(TINY)).weights()
    assert weights is not None
    assert weights.parameters == 4_196_608
    assert weights.stored_bytes == 2 * weights.parameters


@pytest.mark.parametrize(
    ("config", "tensors"),
    [
        (
            {"quantization_config": {"quant_method": "awq", "bits": 4}},
            {
                "a.qweight": ("I32", [64, 8], 2048),
                "a.qzeros": ("I32", [1, 8], 32),
                "a.scales": ("F16", [1, 64], 128),
            },
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
                }
            },
            {
                "a.weight_packed": ("I32", [64, 8], 2048),
                "a.weight_scale": ("F16", [64, 1], 128),
                "a.weight_shape": ("I64", [2], 16),
            },
        ),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            {
                "a.weight": ("U8", [2048, 1], 2048),
                "a.weight.absmax": ("F32", [64], 256),
                "a.weight.quant_state.bitsandbytes__nf4": ("U8", [80], 80),
            },
        ),
        (
            {"quantization_config": {"quant_method": "fp8"}},
            {"a.weight": ("F8_E4M3", [64, 64], 4096), "a.weight_scale_inv": ("F32", [1], 4)},
        ),
        ({}, {"a.weight": ("BF16", [64, 64], 8192)}),
    ],
)
def test_quantised_weights_are_counted_as_weights(
    tmp_path: Path, config: dict[str, object], tensors: Tensors
) -> None:
    weights = folder(tmp_path, tensors, config).weights()
    assert weights is not None
    assert weights.parameters == 64 * 64
    assert weights.stored_bytes == sum(size for _, _, size in tensors.values())


def test_packed_weights_of_unknown_width_are_not_guessed(tmp_path: Path) -> None:
    weights = folder(tmp_path, {"a.qweight": ("I32", [64, 8], 2048)}).weights()
    assert weights is not None
    assert weights.parameters is None


def test_a_folder_without_safetensors_tells_no_sizes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert Artifact(str(tmp_path)).weights() is None


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="nowhere does not exist; vLLM takes a folder"):
        Artifact(str(tmp_path / "nowhere"))
    (tmp_path / "model.gguf").write_text("GGUF")
    with pytest.raises(EngineError, match=r"model\.gguf is a file; vLLM takes a folder"):
        Artifact(str(tmp_path / "model.gguf"))
    with pytest.raises(EngineError, match=r"config\.json cannot be read: No such file"):
        Artifact(str(tmp_path))
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(EngineError, match=r"config\.json cannot be read: Expecting value"):
        Artifact(str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(EngineError, match="no JSON object"):
        Artifact(str(tmp_path))


def test_a_broken_safetensors_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(EngineError, match=r"a\.safetensors is no safetensors file"):
        Artifact(str(tmp_path)).weights()


def test_a_file_that_was_not_fetched_whole_is_named(tmp_path: Path) -> None:
    artifact = folder(tmp_path, {"a.weight": ("F16", [8], 16)})
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(EngineError, match=r"cut short: it holds \d+ of \d+ bytes; fetch it anew"):
        artifact.weights()


def test_the_vocabulary_is_that_of_tokenizer_json() -> None:
    vocabulary = Artifact(str(TINY)).vocabulary(adds_bos=True)
    assert vocabulary.tokens == tokenizer_json_tokens((TINY / "tokenizer.json").read_text())
    assert (vocabulary.bos_id, vocabulary.adds_bos) == (0, True)
    assert vocabulary.chat_template is not None
    assert "message['role']" in vocabulary.chat_template


@pytest.mark.parametrize(
    ("settings", "file", "template"),
    [
        ({"chat_template": "one"}, None, "one"),
        ({"chat_template": "one"}, "two", "two"),
        ({"chat_template": [{"name": "tools", "template": "t"}]}, None, None),
        ({"chat_template": [{"name": "default", "template": "d"}]}, None, "d"),
        ({}, None, None),
    ],
)
def test_a_chat_template_is_found_where_it_may_be(
    tmp_path: Path, settings: dict[str, object], file: str | None, template: str | None
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0}}}')
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    if file is not None:
        (tmp_path / "chat_template.jinja").write_text(file)
    vocabulary = Artifact(str(tmp_path)).vocabulary(adds_bos=None)
    assert (vocabulary.chat_template, vocabulary.bos_id) == (template, None)


def test_a_folder_without_a_tokenizer_cannot_tell(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RequestError, match=r"no readable tokenizer\.json"):
        Artifact(str(tmp_path)).vocabulary(adds_bos=None)
