"""The walls of the house: who may import whom, and what stays instant."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import crossbench

HOST = Path(crossbench.__file__).parent
ENGINES = {"llama_cpp", "vllm", "mlx", "mlx_lm", "torch"}
PURE = ["suite", "plan", "fit", "lint", "analysis", "statistics", "comparison", "report"]
WORKER = [
    *sorted((HOST / "worker").glob("*.py")),
    HOST / "api.py",
    HOST / "vocabulary.py",
    HOST / "testing" / "null.py",
    HOST / "testing" / "faults.py",
    HOST / "testing" / "conformance" / "inside.py",
    HOST / "testing" / "conformance" / "signatures.py",
]
HOST_ONLY = {
    "click",
    "pluggy",
    "rich",
    "jinja2",
    "tokenizers",
    "tomli",
    "psutil",
    "platformdirs",
    "huggingface_hub",
    "httpx2",
}


@cache
def imported(file: Path) -> frozenset[str]:
    """Top-level names of all modules a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return frozenset(names)


STARTERS = [
    "worker.supervisor",
    "envs",
    "artifacts.fetch",
    "artifacts.look",
    "artifacts.hub",
    "attempt",
    "launch",
    "prepare",
    "run",
    "equipment",
    "machine.facts",
    "machine.cards",
    "machine.said",
    "instrument.subject",
    "instrument.sitting",
    "instrument.beside",
]


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_start_no_process_and_import_no_engine(room: str) -> None:
    for file in (HOST / room).rglob("*.py"):
        assert not imported(file) & (ENGINES | {"subprocess", "asyncio"}), file


def modules(room: str) -> list[str]:
    return [
        ".".join(("crossbench", *file.relative_to(HOST).with_suffix("").parts))
        for file in (HOST / room).rglob("*.py")
        if file.name != "__init__.py"
    ]


FRESH = """
import importlib, json, os, sys
import huggingface_hub, jinja2, markdown_it, msgspec, numpy, psutil, rich.console, tokenizers
for room, modules in json.loads(sys.argv[1]).items():
    if not os.fork():
        for module in modules:
            importlib.import_module(module)
        loaded = [name for name in sys.modules if name.startswith("crossbench")]
        print(json.dumps([room, loaded]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, room
"""
"""Each room in an interpreter that has loaded nothing of crossbench; its libraries cost most."""


@pytest.fixture(scope="module")
def reached() -> dict[str, list[str]]:
    """Room -> the modules of crossbench that it loads."""
    rooms = json.dumps({room: modules(room) for room in PURE})
    return dict(json.loads(line) for line in python(FRESH, rooms).splitlines())


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_reach_nothing_that_starts_a_process(
    room: str, reached: dict[str, list[str]]
) -> None:
    """Not through others either: what a fresh interpreter has loaded is looked at."""
    loaded = reached[room]
    assert set(modules(room)) <= set(loaded)
    assert not [m for m in loaded for part in STARTERS if m.startswith(f"crossbench.{part}")]


def test_the_host_imports_no_engine() -> None:
    for file in HOST.rglob("*.py"):
        assert not imported(file) & ENGINES, file


@pytest.mark.parametrize("file", WORKER, ids=lambda file: file.name)
def test_the_worker_needs_nothing_but_msgspec(file: Path) -> None:
    if file.name not in ("supervisor.py", "group.py"):
        allowed = set(sys.stdlib_module_names) | {"msgspec", "crossbench"}
        assert imported(file) <= allowed, file


def test_the_worker_imports_no_host_room() -> None:
    """What a worker loads by `python -m crossbench.worker` is the contract and its own room."""
    code = (
        "import sys, json, crossbench.worker.__main__, crossbench.testing.null\n"
        "print(json.dumps(sorted(m for m in sys.modules if m.startswith('crossbench'))))"
    )
    loaded = json.loads(python(code))
    assert loaded == [
        "crossbench",
        "crossbench.api",
        "crossbench.testing",
        "crossbench.testing.faults",
        "crossbench.testing.null",
        "crossbench.vocabulary",
        "crossbench.worker",
        "crossbench.worker.__main__",
        "crossbench.worker.alarm",
        "crossbench.worker.driver",
        "crossbench.worker.guardian",
        "crossbench.worker.lag",
        "crossbench.worker.protocol",
        "crossbench.worker.pulse",
        "crossbench.worker.suspension",
        "crossbench.worker.trace",
    ]


@pytest.mark.parametrize("room", ["worker", "analysis"])
def test_no_wall_clock_where_time_is_measured(room: str) -> None:
    """A clock that steps changes no number: only monotonic ones are read there."""
    for file in (HOST / room).rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "datetime" not in text, file
        assert "time.time" not in text, file


def test_help_imports_no_engine_and_little_else() -> None:
    code = (
        "import sys, json\nsys.argv = ['crossbench', '--help']\n"
        "from crossbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    loaded = set(json.loads(python(code).splitlines()[-1]))
    assert not loaded & (ENGINES | HOST_ONLY - {"click"} | {"msgspec", "uv", "numpy"})


@pytest.mark.slow
def test_help_takes_at_most_150_ms_of_process_time() -> None:
    """The least of five, because a busy machine only ever adds."""
    spent = []
    for _ in range(5):
        before = os.times()
        command = [sys.executable, "-m", "crossbench", "--help"]
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        user = after.children_user - before.children_user
        spent.append(user + after.children_system - before.children_system)
    assert min(spent) <= 0.150


def python(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    ).stdout
