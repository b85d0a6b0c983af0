"""The engine lives in another interpreter: these fixtures run a probe there and bring back JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from tests.conftest import ROOT, TINY, engine

PLUGIN = ROOT / "plugins" / "crossbench-llamacpp"

Probe: TypeAlias = Callable[..., Any]


@pytest.fixture(scope="session")
def llamacpp_python() -> str:
    """An interpreter that has llama-cpp-python, msgspec and numpy: one named, or the one built."""
    return str(engine("llamacpp").python)


@pytest.fixture(scope="session")
def probe(llamacpp_python: str) -> Probe:
    """Call a function of `probes` in the engine's interpreter with keyword arguments."""

    def call(name: str, **arguments: Any) -> Any:
        outcome = run_probe(llamacpp_python, name, arguments)
        assert outcome.returncode == 0, outcome.stderr[-4000:]
        return json.loads(outcome.stdout)

    return call


def run_probe(
    interpreter: str, name: str, arguments: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (ROOT, PLUGIN)))
    return subprocess.run(
        [interpreter, "-m", "tests.llamacpp.probes", name, json.dumps(arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="session")
def model() -> str:
    return str(TINY / "tiny-f16.gguf")
