"""References are found to lead somewhere, without a module being run."""

from __future__ import annotations

import ast
from importlib.metadata import distributions
from pathlib import Path

import pytest

from crossbench.plugins.reference import missing
from crossbench.registry import Registry

MODULE = """
import os, json as text
from pathlib import Path as Place
raise RuntimeError("never run")
class Engine: inner = 1
async def later(): local = 2
first, (second, *rest) = 1, (2, 3)
annotated: int = 4
if True:
    conditional = 5
"""


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    inside = tmp_path / "pack_a" / "deep"
    inside.mkdir(parents=True)
    (tmp_path / "pack_a" / "__init__.py").write_text("")
    (inside / "__init__.py").write_text("from somewhere import *\n")
    (inside / "engine.py").write_text(MODULE)
    (inside / "wrong.py").write_text("def")
    (inside / "compiled.abi3.so").write_bytes(b"")
    (tmp_path / "single_b.py").write_text("def __getattr__(name): return name\n")


@pytest.mark.parametrize(
    "name",
    "os text Place Engine later first second rest annotated conditional".split(),  # noqa: SIM905
)
def test_what_a_module_binds_is_there(name: str) -> None:
    assert missing(f"pack_a.deep.engine:{name}") is None


@pytest.mark.parametrize("name", ["inner", "local", "engine", "json"])
def test_what_it_does_not_bind_is_missing(name: str) -> None:
    told = f"module 'pack_a.deep.engine' has no {name!r}"
    assert missing(f"pack_a.deep.engine:{name}") == told


@pytest.mark.parametrize(
    "reference", ["pack_a.deep:Star", "single_b:Any", "pack_a.deep.compiled:X"]
)
def test_what_cannot_be_told_is_believed(reference: str) -> None:
    assert missing(reference) is None


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("pack_c:X", "there is no package 'pack_c'"),
        ("pack_a.shallow:X", "there is no module 'pack_a.shallow'"),
        ("single_b.inside:X", "there is no module 'single_b.inside'"),
        ("pack_a.deep.wrong:X", "module 'pack_a.deep.wrong' cannot be read"),
    ],
)
def test_what_is_not_there_is_named(reference: str, told: str) -> None:
    assert (missing(reference) or "").startswith(told)


DEEP = {
    "-": "x = " + "-" * 100_000 + "1",
    ".": "x = a" + ".a" * 20_000,
    "+": "x = 1" + "+1" * 20_000,
    "elif": "if 0: x = 1\n" + "elif 0: x = 1\n" * 5_000,
}
"""Text that is nested more deeply than Python's parser, or whoever walks its tree, can follow."""
PLUGIN = """
from crossbench.api import BackendSpec, EnvSpec
from crossbench.hookspecs import hookimpl

@hookimpl
def crossbench_backends():
    for name, module in ("deep", "pack_a.nested"), ("sound", "pack_a.deep.engine"):
        yield BackendSpec(name=name, factory=f"{module}:Engine", options=f"{module}:Engine",
            distributions=(), environments={"any": EnvSpec(requirements=())},
            capabilities=frozenset())
"""


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_module_nested_too_deeply_costs_its_own_backend_only(tmp_path: Path, text: str) -> None:
    (tmp_path / "pack_a" / "nested.py").write_text(text)
    (tmp_path / "deep_plugin.py").write_text(PLUGIN)
    info = tmp_path / "deep-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deep\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[crossbench.v1]\ndeep = deep_plugin\n")
    found = Registry(
        point for each in distributions(path=[str(tmp_path)]) for point in each.entry_points
    )
    assert list(found.backends) == ["sound"]
    (problem,) = found.problems
    assert problem.stage == "declaration"
    assert "factory 'pack_a.nested:Engine': module 'pack_a.nested' " in problem.cause


@pytest.mark.parametrize("error", [SystemError, RecursionError, MemoryError])
def test_whatever_the_parser_raises_is_named(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Which of them a text raises differs from one version of Python to the next."""

    def fails(text: bytes) -> ast.Module:
        raise error("too deep")

    monkeypatch.setattr(ast, "parse", fails)
    told = f"module 'pack_a.deep' cannot be read: {error.__name__}: too deep"
    assert missing("pack_a.deep:X") == told


@pytest.mark.filterwarnings("error")
def test_the_style_of_a_strangers_text_is_not_our_users_business(tmp_path: Path) -> None:
    (tmp_path / "pack_a" / "styled.py").write_text("X = '\\d' is 1\n")
    assert missing("pack_a.styled:X") is None
