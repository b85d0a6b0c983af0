"""Estimates against what the engines really allocate, within 5 %; vLLM's is in tests/vllm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from crossbench.envs import overlay
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from tests.conftest import TINY, engine
from tests.fit import allocated, written
from tests.fit.allocated import Row
from tests.fit.cases import FOLDERS, GQA, ONE_DEVICE, TWO_DEVICES, Case

TOLERANCE = 0.05
ROUNDED = 64 * 1024
"""llama.cpp's log tells hundredths of a MiB of each of several buffers."""


def check(rows: Sequence[Row]) -> None:
    assert rows
    for row in rows:
        if row.allocated is not None and abs(row.estimated - row.allocated) > ROUNDED:
            assert abs(row.error) < TOLERANCE, row


@pytest.mark.engine("llamacpp")
@pytest.mark.parametrize("case", ONE_DEVICE.values(), ids=ONE_DEVICE)
def test_llamacpp_on_one_device(case: Case, llamacpp: Environment, tmp_path: Path) -> None:
    artifact = written.gguf(tmp_path / "model.gguf", case.model)
    check(allocated.llamacpp(case, llamacpp, tmp_path, artifact))


@pytest.mark.engine("llamacpp")
@pytest.mark.parametrize("case", TWO_DEVICES.values(), ids=TWO_DEVICES)
def test_llamacpp_on_two_devices(
    case: Case, llamacpp: Environment, two_devices: list[str], tmp_path: Path
) -> None:
    artifact = written.gguf(tmp_path / "model.gguf", case.model)
    check(allocated.llamacpp(case, llamacpp, tmp_path, artifact, two_devices))


@pytest.mark.engine("llamacpp")
@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_llamacpp_on_the_tiny_model(kind: str, llamacpp: Environment, tmp_path: Path) -> None:
    check(allocated.llamacpp(Case(model=GQA), llamacpp, tmp_path, TINY / f"tiny-{kind}.gguf"))


@pytest.mark.engine("llamacpp")
def test_llamacpp_holds_repacked_weights_beside_the_mapped_file(
    llamacpp: Environment, tmp_path: Path
) -> None:
    """What its log tells is then up to twice what is needed: the file can be dropped."""
    artifact = TINY / "tiny-q4_k_m.gguf"
    weights, *others = allocated.llamacpp(Case(model=GQA), llamacpp, tmp_path, artifact)
    check(others)
    assert weights.allocated is not None
    assert weights.estimated <= weights.allocated + ROUNDED
    assert weights.allocated < 2 * weights.estimated


@pytest.fixture(scope="module")
def mlx() -> Environment:
    overlay.lay(Registry().backend("mlx").spec)
    return engine("mlx")


@pytest.mark.engine("mlx")
@pytest.mark.parametrize("case", FOLDERS.values(), ids=FOLDERS)
def test_mlx_weights_and_cache(case: Case, mlx: Environment, tmp_path: Path) -> None:
    artifact = written.folder(tmp_path / "model", case.model)
    *exact, peak = allocated.mlx(case, mlx, tmp_path, artifact)
    check(exact)
    assert abs(peak.error) < 0.1, peak  # the activations are a round figure, and said to be


@pytest.mark.engine("mlx")
@pytest.mark.parametrize("name", ["tiny", "tiny-mlx-4bit"])
def test_mlx_on_the_tiny_model(name: str, mlx: Environment, tmp_path: Path) -> None:
    case = Case(model=GQA, context_tokens=40)
    check(allocated.mlx(case, mlx, tmp_path, TINY.parent / name)[:2])
