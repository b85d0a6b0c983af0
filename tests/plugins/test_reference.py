"""References are found to lead somewhere, without a module being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.plugins.reference import missing

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
