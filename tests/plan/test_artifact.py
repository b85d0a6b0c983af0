"""Which bytes an artifact is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crossbench.plan.artifact import identify


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_a_file_is_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.gguf")
    found = identify(tmp_path / "a.gguf")
    assert (found.name, found.bytes, found.files) == ("a.gguf", 6, 1)
    assert found.sha256 == hashlib.sha256(b"a.gguf").hexdigest()


def test_of_a_directory_of_safetensors_only_what_engines_read_counts(tmp_path: Path) -> None:
    write(tmp_path, "model.safetensors", "config.json", "chat_template.jinja")
    before = identify(tmp_path)
    assert before.files == 3
    write(tmp_path, "model.gguf", "README.md", "original/consolidated.pth")
    assert identify(tmp_path) == before
    write(tmp_path, "tokenizer.model")
    assert identify(tmp_path).sha256 != before.sha256


def test_of_any_other_directory_every_file_counts(tmp_path: Path) -> None:
    write(tmp_path, "weights.bin", "deep/config.yaml")
    before = identify(tmp_path)
    assert before.files == 2
    (tmp_path / "deep/config.yaml").write_text("changed")
    assert identify(tmp_path).sha256 != before.sha256
