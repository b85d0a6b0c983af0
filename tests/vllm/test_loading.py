"""Loads that fail, each with its type and its cause, and leave no process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import TINY
from tests.vllm.conftest import LOAD_S, STRICT, probed

pytestmark = [
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(LOAD_S),
]


class Attempt(NamedTuple):
    """A load that must fail: how, and what must be said."""

    kind: str
    said: str
    change: Callable[[Path], None] | None = None
    options: Mapping[str, Any] = {}
    needs: Mapping[str, Any] = {}


def configured(**entries: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | entries))

    return change


def truncated(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100_000])


ATTEMPTS = {
    "missing folder": Attempt("EngineError", "does not exist", change=shutil.rmtree),
    "unknown architecture": Attempt(
        "Unsupported", "model type `nosuch`", change=configured(model_type="nosuch")
    ),
    "truncated weights": Attempt("EngineError", "cut short: it holds 100000", change=truncated),
    "heads not divisible": Attempt(
        "Unsupported", "divisible by tensor parallel size (3)", options={"tensor_parallel_size": 3}
    ),
    "unknown quantization": Attempt(
        "Unsupported", "nonsense", options={"quantization": "nonsense"}
    ),
    "unknown attention": Attempt(
        "Unsupported", "NONSENSE", options={"attention_backend": "NONSENSE"}
    ),
    "longer than the model": Attempt(
        "Unsupported", "max_position_embeddings=2048", options={"max_model_len": 4096}
    ),
    "more at once than seats": Attempt(
        "Unsupported",
        "8 requests are to run at once and max_num_seqs is 4",
        options={"max_num_seqs": 4},
        needs={"streams": 8},
    ),
    # Here an engine core is started, and only its output tells the cause.
    "cache too small": Attempt(
        "OutOfMemory", "KV cache", options={"kv_cache_gib": 0.0005}, needs={"context_tokens": 2000}
    ),
}


@pytest.fixture(scope="module")
def answers(
    environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[str]]:
    asked = []
    for name, attempt in ATTEMPTS.items():
        folder = tmp_path_factory.mktemp("artifact") / name.replace(" ", "-")
        shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns("*.gguf"))
        if attempt.change is not None:
            attempt.change(folder)
        asked.append(
            {
                "path": str(folder),
                "options": STRICT | dict(attempt.options),
                "needs": dict(attempt.needs),
            }
        )
    told = probed(environment, "refusals", tmp_path_factory.mktemp("log"), attempts=asked)
    return dict(zip(ATTEMPTS, told, strict=True))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_load_that_cannot_be_says_why(answers: Mapping[str, list[str]], name: str) -> None:
    kind, message, left = answers[name]
    expected = ATTEMPTS[name]
    assert kind == expected.kind, message
    assert expected.said in message
    assert left == "0"
    assert "\n" not in message
