"""The llama.cpp that everything here runs on: the environment crossbench would measure with."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from crossbench.api import BackendSpec
from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.registry import Registry

BACKEND = "llamacpp"
WHERE = "import importlib.util as u; print(u.find_spec('llama_cpp').submodule_search_locations[0])"


@dataclass(frozen=True)
class Engine:
    """A backend and an environment that has it."""

    spec: BackendSpec
    environment: Environment

    @staticmethod
    def find(python: Path | None) -> Engine:
        """The environment of an interpreter the user names, else the one crossbench has built."""
        spec = Registry().backend(BACKEND).spec
        found = environment.find(spec, None, python)
        if found is None:
            raise SystemExit(
                f"llama.cpp's environment is not there; run `crossbench envs build {BACKEND}`, "
                "or name an interpreter that has llama-cpp-python, numpy and msgspec by --python"
            )
        return Engine(spec, found)

    @property
    def packages(self) -> Path:
        """The folder of the environment's packages; headers and shared libraries lie in it."""
        command = [str(self.environment.python), "-c", WHERE]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        return Path(told.stdout.strip()).parent
