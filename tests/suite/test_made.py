"""Suites made for models that are named without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.suite.load import load
from crossbench.suite.made import made
from crossbench.suite.model import Suite
from tests.conftest import ROOT, TINY, Crossbench


def loaded(folder: Path, *models: str) -> Suite:
    path = folder / "made.toml"
    path.write_text(made(models))
    return load(path)


def test_a_gguf_goes_to_llama_cpp_and_a_directory_to_vllm_and_mlx(tmp_path: Path) -> None:
    suite = loaded(tmp_path, str(TINY / "tiny-f16.gguf"), str(TINY))
    assert [(t.name, t.backend) for t in suite.targets] == [
        ("llamacpp-tiny-f16", "llamacpp"),
        ("vllm-tiny", "vllm"),
        ("mlx-tiny", "mlx"),
    ]
    assert suite.model.tokenizer == str(TINY)
    assert {target.artifact for target in suite.targets} == {
        str(TINY),
        str(TINY / "tiny-f16.gguf"),
    }


def test_ggufs_alone_bring_their_own_tokenizer(tmp_path: Path) -> None:
    suite = loaded(tmp_path, "ollama:llama3.3:70b", "hf:owner/repo/some-Q4_K_M.gguf")
    assert suite.model.tokenizer == "artifact"
    assert [target.backend for target in suite.targets] == ["llamacpp", "llamacpp"]
    assert suite.targets[1].artifact == "hf:owner/repo/some-Q4_K_M.gguf"


def test_models_of_one_name_are_two_targets_and_one_named_twice_is_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.gguf").touch()
    paths = [str(tmp_path / name / "m.gguf") for name in ("a", "b", "a")]
    suite = loaded(tmp_path, *paths)
    assert [target.name for target in suite.targets] == ["llamacpp-m", "llamacpp-m-2"]


def test_a_path_with_quotes_and_spaces_survives(tmp_path: Path) -> None:
    odd = tmp_path / 'my "best" model\t1.gguf'
    odd.touch()
    suite = loaded(tmp_path, str(odd))
    assert suite.targets[0].artifact == str(odd)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a suite"):
        made([str(tmp_path / "notes.txt")])


def test_the_command_line_plans_models_and_keeps_the_suite(
    crossbench: Crossbench, tmp_path: Path
) -> None:
    models = sorted(TINY.glob("*.gguf"))
    kept = tmp_path / "kept.toml"
    done = crossbench("run", *models, "--dry-run", "--save-suite", kept)
    assert "llamacpp-tiny-q8_0" in done.stdout, done.stderr
    assert "prefill-decode-1536" in done.stdout
    assert len(load(kept).targets) == 3
    again = crossbench("run", *models, "--dry-run", "--save-suite", kept)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    suite = ROOT / "suites" / "quickstart.toml"
    both = crossbench("run", suite, *models, "--dry-run")
    assert "is a suite: name it alone" in both.stderr
