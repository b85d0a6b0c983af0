"""Artifacts of this machine: paths, and what Ollama and LM Studio keep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossbench.artifacts.look import look
from crossbench.artifacts.ollama import MODEL
from crossbench.artifacts.whereabouts import Absent, Present
from crossbench.headers.shards import models, parts
from crossbench.suggest import suggestion
from tests.conftest import TINY

DIGEST = "a" * 64


def present(written: str) -> Path:
    found = look([written])[written]
    assert isinstance(found, Present), found
    return Path(found.path)


def absent(written: str) -> str:
    found = look([written])[written]
    assert isinstance(found, Absent), found
    return found.reason


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def filled(file: Path, data: bytes = b"GGUF") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def test_a_path_is_what_lies_there(home: Path) -> None:
    assert present(str(TINY)) == TINY
    filled(home / "model.gguf")
    assert present("~/model.gguf") == home / "model.gguf"


def test_a_path_with_nothing_says_so(home: Path) -> None:
    assert "no home directory is known" in absent("~nobody-of-this-name/model.gguf")
    assert "does not exist" in absent(str(home / "gone.gguf"))
    assert "directory without files" in absent(str(home))


def test_a_repositorys_name_without_its_scheme_is_recognised(tmp_path: Path) -> None:
    assert "written hf:owner/repo" in absent(str(tmp_path / "owner" / "repo"))
    assert "hf:" not in absent(str(tmp_path / "repo"))
    assert "hf:" not in absent(str(tmp_path / "owner" / "model.gguf"))


def test_a_model_in_parts_needs_them_all(home: Path) -> None:
    first, second, third = (home / name for name in parts("m-00001-of-00003.gguf"))
    filled(first)
    filled(third)
    assert "1 are not beside it: m-00002-of-00003.gguf" in absent(str(first))
    filled(second)
    assert present(str(first)) == first
    assert f"name {first.name}" in absent(str(second))


def test_parts_and_models_are_told_from_names() -> None:
    assert parts("a-00001-of-00002.gguf") == ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")
    assert parts("a-00003-of-00002.gguf") == ("a-00003-of-00002.gguf",)
    assert parts("a-1-of-2.gguf") == ("a-1-of-2.gguf",)
    names = ["b.gguf", "mmproj-b.gguf", "q/a-00001-of-00002.gguf", "q/a-00002-of-00002.gguf", "c"]
    assert models(names) == ["b.gguf", "q/a-00001-of-00002.gguf"]


def manifest(store: Path, place: str, *media: str) -> None:
    layers = [{"mediaType": kind, "digest": f"sha256:{DIGEST}", "size": 4} for kind in media]
    text = json.dumps({"schemaVersion": 2, "config": {}, "layers": layers})
    filled(store / "manifests" / place, text.encode())


def test_ollamas_model_is_the_blob_that_its_manifest_names(home: Path) -> None:
    store = home / ".ollama" / "models"
    manifest(store, "registry.ollama.ai/library/llama3.3/70b", "application/x.license", MODEL)
    blob = filled(store / "blobs" / f"sha256-{DIGEST}")
    assert present("ollama:llama3.3:70b") == blob


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("ollama:me/mine", "registry.ollama.ai/me/mine/latest"),
        ("ollama:hf.co/a/b:Q4_K_M", "hf.co/a/b/Q4_K_M"),
    ],
)
def test_ollamas_store_may_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, place: str
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    manifest(tmp_path, place, MODEL)
    blob = filled(tmp_path / "blobs" / f"sha256:{DIGEST}")  # as old versions named it
    assert present(written) == blob


def test_ollama_without_the_model_says_where_it_looked(home: Path) -> None:
    store = home / ".ollama" / "models"
    manifest(store, "registry.ollama.ai/library/llama3.3/70b", MODEL)
    said = absent("ollama:llama3.3:70")
    assert str(store) in said
    assert "did you mean '70b'" in said
    assert "`ollama pull llama3.3:70`" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is no manifest"),
        (b'{"layers": [{"mediaType": "x", "digest": "sha256:../../../x"}]}', "is no manifest"),
        (b'{"layers": []}', "has 0 GGUF files"),
        (
            json.dumps({"layers": [{"mediaType": MODEL, "digest": f"sha256:{DIGEST}"}]}).encode(),
            "its blob sha256:a",
        ),
    ],
)
def test_ollama_with_a_broken_store_says_so(home: Path, content: bytes, says: str) -> None:
    place = "manifests/registry.ollama.ai/library/m/latest"
    filled(home / ".ollama" / "models" / place, content)
    assert says in absent("ollama:m")


@pytest.mark.parametrize("store", [".lmstudio/models", ".cache/lm-studio/models"])
def test_lm_studio_keeps_a_model_in_a_folder(home: Path, store: str) -> None:
    file = filled(home / store / "publisher" / "model-GGUF" / "model-Q4.gguf")
    filled(file.parent / "mmproj-model.gguf")
    assert present("lmstudio:publisher/model-GGUF") == file
    assert present("lmstudio:publisher/model-GGUF/model-Q4.gguf") == file


def test_lm_studio_may_have_been_told_another_folder(home: Path) -> None:
    moved = filled(home / "large" / "p" / "m" / "m.gguf")
    filled(home / ".lmstudio" / "models" / "p" / "m" / "other.gguf")
    settings = json.dumps({"downloadsFolder": str(home / "large"), "other": [1]})
    filled(home / ".lmstudio" / "settings.json", settings.encode())
    assert present("lmstudio:p/m") == moved


def test_lm_studios_pointer_is_followed(home: Path) -> None:
    filled(home / ".lmstudio-home-pointer", f"{home / 'studio'}\n".encode())
    file = filled(home / "studio" / "models" / "p" / "m" / "m.gguf")
    assert present("lmstudio:p/m") == file


def test_lm_studios_mlx_models_are_folders(home: Path) -> None:
    file = filled(home / ".lmstudio" / "models" / "p" / "m" / "model.safetensors")
    assert present("lmstudio:p/m") == file.parent


def test_lm_studio_with_several_files_wants_one_named(home: Path) -> None:
    for name in ("m-Q4.gguf", "m-Q8.gguf"):
        filled(home / ".lmstudio" / "models" / "p" / "m" / name)
    said = absent("lmstudio:p/m")
    assert "lmstudio:p/m/m-Q4.gguf, lmstudio:p/m/m-Q8.gguf" in said


def test_lm_studio_without_the_model_suggests_one(home: Path) -> None:
    filled(home / ".lmstudio" / "models" / "publisher" / "model" / "m.gguf")
    filled(home / ".lmstudio" / "settings.json", b"{broken")
    assert suggestion("publisher/modle", ["publisher/model"]) in absent("lmstudio:publisher/modle")
    (home / ".lmstudio" / "models" / "p" / "empty").mkdir(parents=True)
    assert "neither a GGUF nor safetensors" in absent("lmstudio:p/empty")
