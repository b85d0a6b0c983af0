"""Where llama.cpp's headers and shared libraries lie in the environment that has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.engine import Engine

BACKEND = "llamacpp"
WHERE = "import importlib.util as u; print(u.find_spec('llama_cpp').submodule_search_locations[0])"


def packages(engine: Engine) -> Path:
    """The folder of the environment's packages."""
    command = [str(engine.environment.python), "-c", WHERE]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(told.stdout.strip()).parent
