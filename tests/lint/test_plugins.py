"""The rules of our plugins, on plans with other machines and options."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import crossbench_llamacpp.lint
import crossbench_vllm.lint


def plan(backend: str, variant: str, cards: int = 0, artifact: str = "", **options: Any) -> Any:
    """As much of a plan as rules read."""
    target = SimpleNamespace(name="t", backend=backend, options=options, artifact=artifact)
    return SimpleNamespace(
        suite=SimpleNamespace(targets=[target]),
        targets=[SimpleNamespace(target="t", variant=variant)],
        machine=SimpleNamespace(cuda_devices=("RTX 4090",) * cards),
    )


def llamacpp(cards: int, **options: Any) -> list[str]:
    made = plan("llamacpp", "cuda", cards, **options)
    return [finding.rule for finding in crossbench_llamacpp.lint.findings(made)]


def vllm(variant: str = "cuda", artifact: str = "", **options: Any) -> list[str]:
    made = plan("vllm", variant, 2, artifact, **options)
    return [finding.rule for finding in crossbench_vllm.lint.findings(made)]


@pytest.mark.parametrize(
    ("cards", "options", "rules"),
    [
        (0, {}, []),
        (1, {}, []),
        (2, {}, ["llamacpp-pipeline"]),
        (2, {"split_mode": "tensor"}, []),
        (2, {"split_mode": "none"}, []),
        (2, {"split_mode": "row"}, ["llamacpp-row-split"]),
        (2, {"n_batch": 512, "n_ubatch": 512}, ["llamacpp-pipeline", "llamacpp-no-overlap"]),
        (1, {"n_gpu_layers": 40}, ["llamacpp-partial-offload"]),
        (0, {"n_gpu_layers": 40}, []),
        (0, {"rpc_servers": ["a:1", "b:1"]}, ["llamacpp-pipeline"]),
    ],
)
def test_llama_cpp(cards: int, options: dict[str, Any], rules: list[str]) -> None:
    assert llamacpp(cards, **options) == rules


def test_vllm_on_cuda() -> None:
    assert vllm() == []
    assert vllm(tensor_parallel_size=2) == ["vllm-peer-to-peer"]
    assert vllm(tensor_parallel_size=2, disable_custom_all_reduce=True) == []
    assert vllm(enforce_eager=True) == ["vllm-eager"]
    assert vllm("cpu", enforce_eager=True) == []


def test_vllm_and_the_shape_of_the_model(tmp_path: Path) -> None:
    config = {"num_attention_heads": 6, "num_hidden_layers": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert vllm("cpu", str(tmp_path), tensor_parallel_size=2) == []
    assert vllm("cpu", str(tmp_path), tensor_parallel_size=4) == ["vllm-heads"]
    assert vllm("cpu", str(tmp_path), pipeline_parallel_size=4) == ["vllm-layers"]
    (tmp_path / "config.json").write_text("no json")
    assert vllm("cpu", str(tmp_path), tensor_parallel_size=4) == []


def test_targets_of_other_backends_are_left_alone() -> None:
    other = plan("null", "host", 2)
    assert not list(crossbench_llamacpp.lint.findings(other))
    assert not list(crossbench_vllm.lint.findings(other))
