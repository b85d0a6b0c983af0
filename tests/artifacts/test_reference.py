from __future__ import annotations

import pytest

from crossbench.artifacts.overrides import overridden
from crossbench.artifacts.reference import (
    BadReference,
    Hub,
    LmStudio,
    Local,
    Ollama,
    Reference,
    parse,
)
from crossbench.errors import InputError
from crossbench.suite.load import load
from tests.conftest import SuiteWriter

LIBRARY = "registry.ollama.ai", "library"

GOOD: list[tuple[str, Reference]] = [
    ("model.gguf", Local("model.gguf")),
    ("~/hf:odd", Local("~/hf:odd")),
    ("hf:a/b", Hub("a", "b")),
    ("hf:a/b@v1.0", Hub("a", "b", "v1.0")),
    ("hf:a/b@" + "0" * 40 + "/c.gguf", Hub("a", "b", "0" * 40, "c.gguf")),
    ("hf:a/b@refs/pr/7/c.gguf", Hub("a", "b", "refs/pr/7", "c.gguf")),
    (
        "hf:a-b.c/d_e/Q4/x-00001-of-00002.gguf",
        Hub("a-b.c", "d_e", None, "Q4/x-00001-of-00002.gguf"),
    ),
    ("ollama:llama3.3:70b", Ollama(*LIBRARY, "llama3.3", "70b")),
    ("ollama:me/mine:latest", Ollama("registry.ollama.ai", "me", "mine", "latest")),
    ("ollama:hf.co/a/b-GGUF:Q4_K_M", Ollama("hf.co", "a", "b-GGUF", "Q4_K_M")),
    ("lmstudio:a b/c", LmStudio("a b", "c")),
    ("lmstudio:a/b/c-Q4.gguf", LmStudio("a", "b", "c-Q4.gguf")),
]


@pytest.mark.parametrize(("written", "reference"), GOOD, ids=[written for written, _ in GOOD])
def test_a_reference_is_understood_and_written_as_it_was(
    written: str, reference: Reference
) -> None:
    assert parse(written) == reference
    assert str(reference) == written


def test_a_tag_of_ollama_is_latest_where_none_is_written() -> None:
    assert parse("ollama:llama3.3") == Ollama(*LIBRARY, "llama3.3", "latest")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a\0b",
        "hf:",
        "hf:owner",
        "hf:owner/",
        "hf:/repo",
        "hf:a/b@",
        "hf:a/b/",
        "hf:a/b/../c",
        "hf:a/b//c",
        "hf:a/b/c\\d",
        "hf:a b/c",
        "hf:a..b/c",
        "hf://a/b",
        "https://hub.invalid/a/b",
        "ollama:",
        "ollama:a:b:c",
        "ollama:../x:y",
        "lmstudio:a",
        "lmstudio:../b",
        "lmstudio:a/b/../c",
    ],
)
def test_what_names_nothing_is_refused_with_what_is_allowed(written: str) -> None:
    with pytest.raises(BadReference) as refused:
        parse(written)
    assert "expected" in refused.value.allowed
    assert isinstance(refused.value, InputError)


def test_an_artifact_of_the_command_line_replaces_the_suites(
    suite: SuiteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = load(suite({"one": "", "two": ""}))
    monkeypatch.setenv("HOME", "/home/someone")
    changed = overridden(read, ["one=~/a.gguf", "two=hf:a/b"])
    assert [target.artifact for target in changed.targets] == ["/home/someone/a.gguf", "hf:a/b"]
    assert overridden(read, []) == read


def test_a_targets_own_name_beats_the_one_it_was_expanded_from(suite: SuiteWriter) -> None:
    path = suite({"one": ""})
    text = path.read_text().replace("options = {  }", "matrix = { ttft_s = [0.01, 0.02] }")
    path.write_text(text)
    read = load(path)
    first, second = (target.name for target in read.targets)
    changed = overridden(read, ["one=hf:a/all", f"{second}=hf:a/second"])
    by_name = {target.name: target.artifact for target in changed.targets}
    assert by_name == {first: "hf:a/all", second: "hf:a/second"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["on=x"], "did you mean 'one'"),
        (["one"], "TARGET=PATH"),
        (["one="], "TARGET=PATH"),
        (["one=a", "one=b"], "twice"),
        (["one=hf:a"], "OWNER/REPO"),
    ],
)
def test_an_artifact_that_replaces_nothing_is_an_error(
    suite: SuiteWriter, given: list[str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        overridden(load(suite()), given)
