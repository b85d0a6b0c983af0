"""Shapes: the same of one model in three formats, and what is special about some."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossbench.errors import HeaderError
from crossbench.fit.artifact import shape_of
from crossbench.fit.shape import ModelShape
from crossbench.headers.files import read_local
from tests.conftest import TINY
from tests.fit.written import (
    U32,
    Model,
    folder,
    gguf,
    gguf_fields,
    gguf_tensors,
    write_gguf,
    write_safetensors,
)

PARAMETERS = 4_196_608
FORMATS = ["tiny/tiny-f16.gguf", "tiny/tiny-q8_0.gguf", "tiny", "tiny-mlx-4bit"]


def of(path: Path) -> ModelShape:
    return shape_of(read_local(path))


def changed(path: Path, **config: Any) -> Path:
    """The tiny folder's header and config, changed."""
    written = folder(path, Model())
    old = json.loads((written / "config.json").read_text())
    (written / "config.json").write_text(json.dumps({**old, **config}))
    return written


@pytest.mark.parametrize("name", FORMATS)
def test_the_tiny_model_is_one_in_every_format(name: str) -> None:
    shape = of(TINY.parent / name)
    assert shape.architecture == "llama"
    assert (shape.hidden, shape.vocabulary, len(shape.layers)) == (256, 2048, 4)
    assert shape.context_tokens == 2048
    assert shape.parameters == PARAMETERS
    assert not shape.tied
    assert shape.kv_values == 4 * 2 * (64 + 64)
    layer = shape.layers[0]
    assert (layer.heads, layer.kv_heads, layer.key_width, layer.value_width) == (4, 2, 64, 64)
    assert (layer.feed_forward, layer.experts, layer.window, layer.gated) == (768, 0, None, True)


def test_weights_are_told_by_place() -> None:
    shape = of(TINY / "tiny-f16.gguf")
    assert shape.embedding.bytes == shape.output.bytes == 2 * 256 * 2048
    assert shape.other.bytes == 4 * 256
    assert shape.weight_bytes == 2 * PARAMETERS + 2 * 256 * (2 * 4 + 1)  # norms are f32
    assert shape.total.cast(4) == 4 * PARAMETERS
    assert shape.total.cast(None) == shape.weight_bytes


def test_quantised_weights_are_not_cast() -> None:
    shape = of(TINY / "tiny-q8_0.gguf")
    norms = 256 * (2 * 4 + 1)
    assert shape.total.cast(2) == shape.weight_bytes - 2 * norms


def test_a_tied_model_has_no_output(tmp_path: Path) -> None:
    model = Model(tied=True)
    assert of(gguf(tmp_path / "m.gguf", model)).tied
    assert of(folder(tmp_path / "f", model)).tied


@pytest.mark.parametrize("quantisation", [None, "awq", "mlx"])
def test_parameters_are_counted_through_packing(quantisation: str | None, tmp_path: Path) -> None:
    model = Model(kv_heads=8, head_dim=64, feed_forward=768)
    found = of(folder(tmp_path / "f", model, quantisation))
    assert found.parameters == of(gguf(tmp_path / "m.gguf", model)).parameters


def test_words_hold_as_many_as_the_config_says(tmp_path: Path) -> None:
    four = of(folder(tmp_path / "4", Model(), "mlx"))
    path = folder(tmp_path / "8", Model(), "mlx")
    config = json.loads((path / "config.json").read_text())
    config["quantization"]["bits"] = 8
    (path / "config.json").write_text(json.dumps(config))
    norms = 256 * (2 * 4 + 1)
    assert 2 * (of(path).parameters - norms) == four.parameters - norms


def test_experts_and_norms_of_heads_are_told(tmp_path: Path) -> None:
    model = Model(architecture="qwen3moe", experts=16, experts_used=4, feed_forward=96)
    layer = of(gguf(tmp_path / "m.gguf", model)).layers[0]
    assert (layer.experts, layer.experts_used, layer.feed_forward) == (16, 4, 96)
    assert layer.head_norm
    assert layer.largest_weight_bytes == 2 * 16 * 96 * 256


def test_an_mlp_without_a_gate_is_told(tmp_path: Path) -> None:
    model = Model(architecture="starcoder2", layers=1)
    tensors = gguf_tensors(model, lambda _: "f16")
    del tensors["blk.0.ffn_gate.weight"]
    write_gguf(tmp_path / "m.gguf", gguf_fields(model), tensors)
    assert not of(tmp_path / "m.gguf").layers[0].gated


def test_windows_follow_the_architecture(tmp_path: Path) -> None:
    model = Model(architecture="gemma3", layers=7, window=512)
    windows = [layer.window for layer in of(gguf(tmp_path / "m.gguf", model)).layers]
    assert windows == [512] * 5 + [None, 512]


def test_a_window_that_no_layer_is_said_to_have_counts_for_none(tmp_path: Path) -> None:
    model = Model(architecture="qwen2", window=512)
    assert {layer.window for layer in of(gguf(tmp_path / "m.gguf", model)).layers} == {None}


def test_windows_of_a_folder_follow_its_layer_types(tmp_path: Path) -> None:
    kinds = ["sliding_attention", "full_attention"] * 2
    path = changed(tmp_path, sliding_window=128, layer_types=kinds)
    assert [layer.window for layer in of(path).layers] == [128, None, 128, None]
    path = changed(tmp_path, sliding_window=128, use_sliding_window=False)
    assert {layer.window for layer in of(path).layers} == {None}


def test_layers_may_differ(tmp_path: Path) -> None:
    model = Model(layers=2)
    fields = gguf_fields(model) | {
        "llama.attention.head_count_kv": (9, (U32, [2, 4])),
        "llama.feed_forward_length": (9, (U32, [704, 64])),
    }
    write_gguf(tmp_path / "m.gguf", fields, gguf_tensors(model, lambda _: "f16"))
    first, second = of(tmp_path / "m.gguf").layers
    assert (first.kv_heads, second.kv_heads) == (2, 4)
    assert (first.feed_forward, second.feed_forward) == (704, 64)


def test_what_no_formula_covers_is_named(tmp_path: Path) -> None:
    assert of(changed(tmp_path, kv_lora_rank=512)).unmodelled == "latent attention"
    linear = ["linear_attention", "full_attention"]
    assert of(changed(tmp_path, layer_types=linear)).unmodelled == "recurrent layers"
    fields = gguf_fields(Model()) | {"llama.attention.kv_lora_rank": (U32, 512)}
    write_gguf(tmp_path / "m.gguf", fields, gguf_tensors(Model(), lambda _: "f16"))
    assert of(tmp_path / "m.gguf").unmodelled == "latent attention"


def test_a_model_of_several_modalities_is_told_by_its_text(tmp_path: Path) -> None:
    plain = json.loads((folder(tmp_path, Model()) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "x", "text_config": plain}))
    write_safetensors(
        tmp_path / "vision.safetensors", {"vision_tower.layers.0.w": ("F16", (10, 10))}
    )
    shape = of(tmp_path)
    assert len(shape.layers) == 4
    assert shape.other.bytes == 2 * (256 + 100)


def test_files_of_an_index_are_all_needed(tmp_path: Path) -> None:
    folder(tmp_path, Model())
    placed = {"a": "model.safetensors", "b": "model-2.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": placed}))
    with pytest.raises(HeaderError, match=r"model-2\.safetensors, which .* names, is not there"):
        of(tmp_path)
    index.write_text("[]")
    with pytest.raises(HeaderError, match="no index"):
        of(tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    path = gguf(tmp_path / "m-00001-of-00002.gguf", Model())
    with pytest.raises(HeaderError, match=r"m-00002-of-00002\.gguf"):
        of(path)


def test_which_of_two_models_is_not_guessed(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        gguf(tmp_path / name, Model())
    with pytest.raises(HeaderError, match=r"a\.gguf, b\.gguf"):
        of(tmp_path)


def test_a_gguf_without_its_suffix_is_read(tmp_path: Path) -> None:
    assert of(gguf(tmp_path / "sha256-0123", Model())).hidden == 256


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "no object"),
        (b"{}", "num_hidden_layers"),
        (b'{"num_hidden_layers": 99999, "hidden_size": 1}', "99999 layers"),
        (b'{"num_hidden_layers": -1}', "num_hidden_layers"),
    ],
)
def test_a_config_that_is_none_is_refused(config: bytes, message: str, tmp_path: Path) -> None:
    folder(tmp_path, Model())
    (tmp_path / "config.json").write_bytes(config)
    with pytest.raises(HeaderError, match=message):
        of(tmp_path)


@pytest.mark.parametrize("key", ["block_count", "embedding_length", "attention.head_count"])
def test_a_gguf_without_what_every_decoder_has_is_refused(key: str, tmp_path: Path) -> None:
    fields = gguf_fields(Model())
    del fields[f"llama.{key}"]
    write_gguf(tmp_path / "m.gguf", fields, gguf_tensors(Model(), lambda _: "f16"))
    with pytest.raises(HeaderError, match=f"names no llama.{key}"):
        of(tmp_path / "m.gguf")


def test_a_gguf_of_something_else_is_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", gguf_fields(Model()), {"v.patch_embd": ("f16", (32, 32))})
    with pytest.raises(HeaderError, match="language model"):
        of(tmp_path / "m.gguf")
