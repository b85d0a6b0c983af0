"""Whatever a file holds, its user gets a suite or a message, never a traceback."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crossbench.errors import CrossbenchError
from crossbench.suite.load import load
from crossbench.suite.model import Suite

HERE = Path(__file__).parent
TEXTS = [path.read_text() for path in sorted(HERE.glob("*/*.toml"))]
SNIPPETS = st.sampled_from(
    [
        *('"', "'", '"""', "[", "]", "[[", "{", "}", "=", ".", ",", "\n", "#", "\\", "\0", "\r"),
        *("nan", "-inf", "true", "1979-05-27", "07:32:00", "99999999999999999999", "-1", "0"),
        *("[]", "{}", "[[]]", '""', '"a/b"', '"~x/y"', '"files"', '"../.."', "[1, 2]", '"\\u0000"'),
        *("\nschema = 1\n", "\n[targets]\n", "\n[[scenarios]]\n", "\n[model]\n", "x = 1\n"),
        *("name", "prompts", "prompt_tokens", "matrix", "options", "artifact", "file", "ids"),
    ]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(HERE / "good/files", folder / "files")
    return folder


def loads_or_says_why(folder: Path, content: bytes) -> None:
    path = folder / "suite.toml"
    path.write_bytes(content)
    with contextlib.suppress(CrossbenchError):
        assert isinstance(load(path), Suite)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        text = text[:start] + draw(SNIPPETS | st.just("") | st.text(max_size=3)) + text[end:]
    return text


@st.composite
def rearranged(draw: st.DrawFn) -> str:
    lines = [
        line
        for text in draw(st.lists(st.sampled_from(TEXTS), max_size=2))
        for line in text.splitlines()
    ]
    return "\n".join(draw(st.lists(st.sampled_from(lines or [""]), max_size=25)))


@st.composite
def revalued(draw: st.DrawFn) -> str:
    """A valid suite in which some values were exchanged for others."""
    lines = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        key, equals, _value = lines[index].partition(" = ")
        if equals:
            lines[index] = f"{key} = {draw(SNIPPETS)}"
    return "\n".join(lines)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xff")
@example(b"a." * 999 + b"a = 1")
@example(b"[targets.a.options]\n" + b"a." * 900 + b"a = " + b"{a = " * 300 + b"1" + b"}" * 300)
def test_arbitrary_bytes(folder: Path, content: bytes) -> None:
    loads_or_says_why(folder, content)


@given(mutated() | rearranged() | revalued())
def test_mutated_suites(folder: Path, text: str) -> None:
    loads_or_says_why(folder, text.encode("utf-8", "surrogatepass"))


def test_some_mutations_survive_loading(folder: Path) -> None:
    """The mutations reach past the parser: a changed number gives another suite."""
    text = (HERE / "good/minimal.toml").read_text()
    path = folder / "suite.toml"
    path.write_text(text.replace("= 64", "= 65"))
    assert load(path).scenarios[0].prompts[0].synthetic_tokens == 65
