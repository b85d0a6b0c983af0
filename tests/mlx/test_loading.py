"""Loading by the real engine: typed failures with a cause, and true descriptions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossbench.api import Boundary, Parallelism
from crossbench.envs.environment import Environment
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import (
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from tests.conftest import TINY
from tests.mlx.conftest import STORED, TINY_4BIT, Loaded, Workers, probe

pytestmark = pytest.mark.engine("mlx")

Breaker = Callable[[Path], None]


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def truncated(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000_000])


def not_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://example.org/not-a-model")


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def config(**changes: Any) -> Breaker:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def not_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def a_list(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


BAD: dict[str, tuple[Path, Breaker, str, str]] = {
    "no config": (TINY, no_config, "EngineError", "config.json: No such file"),
    "no JSON": (TINY, not_json, "EngineError", "is not JSON"),
    "no object": (TINY, a_list, "EngineError", "holds a list"),
    "no type": (TINY, config(model_type=None), "EngineError", "names no model_type"),
    "unknown": (TINY, config(model_type="no_such"), "Unsupported", "no_such not supported"),
    "no model": (TINY, config(model_type="base"), "EngineError", "AttributeError"),
    "own code": (TINY, config(model_file="own.py"), "Unsupported", "never run"),
    "no weights": (TINY, no_weights, "EngineError", "holds no model*.safetensors"),
    "a shard": (TINY, missing_shard, "EngineError", "lacks model-00002-of-00002.safetensors"),
    "truncated": (TINY, truncated, "EngineError", "could not load"),
    "text": (TINY, not_safetensors, "EngineError", "could not load"),
    "a layer": (TINY, config(num_hidden_layers=5), "EngineError", "could not load"),
    "no group": (TINY_4BIT, config(quantization={"bits": 4}), "EngineError", "group_size"),
    "unsaid": (
        TINY_4BIT,
        config(quantization=None, quantization_config=None),
        "EngineError",
        "could not load",
    ),
}
NO_FOLDER = {
    "mlx-community/Llama-3.2-1B-Instruct-4bit": "is not there",
    str(TINY / "tiny-f16.gguf"): "is a file",
}
"""Paths, the first of which a hub would know."""


@pytest.fixture(scope="module")
def failures(mlx: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Type and message of what each bad artifact raises, one after the other in one process."""
    paths = []
    for name, (source, damage, _, _) in BAD.items():
        folder = tmp_path_factory.mktemp("bad") / name
        folder.mkdir()
        for file in ("config.json", "model.safetensors"):
            shutil.copyfile(source / file, folder / file)
        damage(folder)
        paths.append(str(folder))
    found = probe(mlx, "load_failures", paths=[*paths, *NO_FOLDER])
    return dict(zip([*BAD, *NO_FOLDER], found, strict=True))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_artifact_fails_with_its_cause(failures: dict[str, list[str]], name: str) -> None:
    _, _, kind, said = BAD[name]
    assert (failures[name][0], said in failures[name][1]) == (kind, True), failures[name]


@pytest.mark.parametrize("path", NO_FOLDER)
def test_a_path_that_is_no_folder_is_not_looked_up_anywhere(
    failures: dict[str, list[str]], path: str
) -> None:
    kind, message = failures[path]
    assert (kind, NO_FOLDER[path] in message) == ("EngineError", True), message


def test_an_option_that_this_model_cannot_have_ends_the_launch(
    mlx: Environment, tmp_path: Path
) -> None:
    worker = Loaded(mlx, tmp_path, TINY, kv_bits=8, kv_group_size=128, quantized_kv_start=99)
    try:
        with pytest.raises(WorkerFailed, match="does not run with these options") as caught:
            worker.load()
    finally:
        worker.process.end()
    assert caught.value.kind == "unsupported"


def test_breaking_off_leaves_nothing_behind(mlx: Environment) -> None:
    found = probe(mlx, "life", path=str(TINY))
    assert found["busy"]
    assert found["held"] > 0
    assert found["freed"] == 0
    assert found["again"] == found["whole"]
    assert found["cached"] == 0
    assert found["after_close"] == "the session is closed"
    assert found["used"] < 2**20


def test_logits_that_are_no_numbers_void_the_request(mlx: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "nan"
    folder.mkdir()
    shutil.copyfile(TINY / "config.json", folder / "config.json")
    data = bytearray((TINY / "model.safetensors").read_bytes())
    data[-4096:] = b"\xff" * 4096
    (folder / "model.safetensors").write_bytes(data)
    kind, message = probe(mlx, "request_failure", path=str(folder))
    assert (kind, "not numbers" in message) == ("RequestError", True), message


def test_a_description_tells_what_was_resolved(workers: Workers) -> None:
    loaded = workers(**STORED).ready.loaded
    assert loaded.boundary is Boundary.LIBRARY
    assert loaded.engine_build.value is not None
    assert loaded.engine_build.value.startswith("MLX 0.")
    assert "mlx-lm 0.32.2" in loaded.engine_build.value
    assert loaded.parallelism.value is Parallelism.NONE
    assert len(loaded.devices) == 1
    assert (loaded.devices[0].total_bytes or 0) > 2**30
    assert loaded.context_tokens.value == 2048
    assert loaded.parameters.value == 4_196_608
    assert loaded.weight_bytes.value == 2 * 4_196_608
    assert loaded.kv_dtype.value == "f16"
    assert loaded.attention.value == "mx.fast.scaled_dot_product_attention"
    assert loaded.prefix_cache.value is False
    assert {name: fact.value for name, fact in loaded.settings.items()} | {
        "lookahead": True,
        "prefill_step_size": 2048,
        "dtype": "f16",
        "quantisation": None,
    } == {name: fact.value for name, fact in loaded.settings.items()}


def test_parameters_of_a_quantised_model_are_counted_unpacked(workers: Workers) -> None:
    loaded = workers(TINY_4BIT, dtype="float32").ready.loaded
    assert loaded.parameters.value == 4_196_608
    quantisation = loaded.settings["quantisation"].value or {}
    assert (quantisation["bits"], quantisation["group_size"]) == (4, 64)
    assert loaded.weight_bytes.value is not None
    assert 5.0 < 8 * loaded.weight_bytes.value / 4_196_608 < 5.02


@pytest.mark.parametrize(
    ("options", "kv_dtype", "attention"),
    [
        ({}, "f32", "mx.fast"),
        ({"kv_bits": 8, "kv_group_size": 64, "quantized_kv_start": 0}, "q8", "quantized_"),
        (
            {"kv_bits": 8, "kv_group_size": 64, "quantized_kv_start": 40},
            "q8 from 40 tokens on",
            "then",
        ),
    ],
)
def test_the_type_of_the_cache_is_that_of_its_arrays(
    workers: Workers, options: dict[str, Any], kv_dtype: str, attention: str
) -> None:
    more: dict[str, Any] = {} if options else {"prefill_step_size": 32}
    loaded = workers(dtype="float32", **options, **more).ready.loaded
    assert loaded.kv_dtype.value == kv_dtype
    assert attention in (loaded.attention.value or "")


def test_an_option_for_metal_has_no_effect_elsewhere_and_is_named(workers: Workers) -> None:
    worker = workers(**STORED)
    elsewhere = worker.ready.loaded.settings["wired_limit_bytes"].value is None
    assert worker.ready.loaded.ignored == (("wired_limit_mib",) if elsewhere else ())


def test_memory_returns_to_what_the_weights_take(workers: Workers) -> None:
    worker = workers(dtype="float32", prefill_step_size=32)
    weights = worker.ready.loaded.weight_bytes.value
    assert weights is not None
    worker.run(list(range(20, 420)), 8)
    worker.run([20], 1)
    assert weights <= worker.used() < weights + 2**22


def test_memory_tells_what_is_kept_for_use_again_and_the_most_there_was(workers: Workers) -> None:
    worker = workers(dtype="float32", prefill_step_size=32)
    worker.run(list(range(20, 420)), 8)
    (memory,) = worker.process.ask(ReadMemory(), MemoryRead).memory.values()
    weights = worker.ready.loaded.weight_bytes.value
    assert weights is not None
    assert memory.used_bytes is not None
    assert memory.cache_bytes is not None
    assert memory.peak_bytes is not None
    assert weights <= memory.used_bytes - memory.cache_bytes < memory.peak_bytes


def test_the_artifact_says_what_its_tokenizer_is(workers: Workers) -> None:
    worker = workers(**STORED)
    told = worker.process.ask(ReadVocabulary(), VocabularyRead).vocabulary
    assert told is not None
    assert (len(told.tokens), told.bos_id, told.adds_bos) == (2048, 0, True)
    assert told.tokens[5] == b"<|end|>"
    assert told.chat_template is not None
    texts = ("", "The", "<|end|>", "The<|end|>")
    ids = worker.process.ask(Tokenize(texts=texts), Tokenized).ids
    assert ids is not None
    assert ids[0] == ()
    assert ids[2] == (5,)
    assert ids[3] == (*ids[1], 5)
