"""The `uv` program: where it is, and the environment it runs in."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from crossbench.envs import process
from crossbench.envs.pip_settings import uv_settings
from crossbench.envs.variant import search_path
from crossbench.errors import EnvironmentFailure

FIND_S = 60.0

# Each of these would change what is built without changing the environment's key, or the caches'.
FOREIGN = (
    "CMAKE_ARGS",
    "PYTHONHOME",
    "PYTHONPATH",
    "RUST_LOG",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "VIRTUAL_ENV",
)
FOREIGN_PREFIXES = ("SKBUILD_", "CONDA_PREFIX")


def binary() -> str:
    """Path of uv: the one that was installed with crossbench, else the one on the PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415  (its absence must not break the import)

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        if found := shutil.which("uv"):
            return found
    raise EnvironmentFailure(
        "uv was not found; install it (`pip install uv`), "
        "or name an interpreter that has the engine"
    )


def run(
    arguments: Sequence[str],
    *,
    project: Path,
    on_line: Callable[[str], None],
    deadline: float,
) -> int:
    """Run uv and return its exit status; see `process.run`.

    `project` is a folder of ours: from there uv looks for a project's settings, so that those of
    the folder the user happens to be in do not leak into an environment.
    """
    settings = uv_settings(os.environ)
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in FOREIGN and not name.startswith(FOREIGN_PREFIXES)
    }
    environ |= {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "PATH": search_path(os.environ)}
    environ |= settings.environment
    # uv locks a package while it builds it, and would give up on another variant's after 300 s.
    environ.setdefault("UV_LOCK_TIMEOUT", str(max(1, round(deadline - time.monotonic()))))
    extra = settings.arguments if tuple(arguments[:2]) == ("pip", "install") else ()
    command = [binary(), *arguments, *extra, "--project", str(project)]
    return process.run(command, environ, on_line, deadline)


def find_python(version: str, project: Path, deadline: float | None = None) -> Path | None:
    """An interpreter that fits the version specifier: one of this machine, else a download.

    It is downloaded only when a deadline is given, a value of `time.monotonic`; without one the
    answer may be None. Raises EnvironmentFailure when the download fails.
    """
    found = _find(["python", "find", "--system", "--no-python-downloads", version], project)
    if found is not None or deadline is None:
        return found
    lines: list[str] = []
    install = ["python", "install", version]
    try:
        status = run(install, project=project, on_line=lines.append, deadline=deadline)
    except TimeoutError:
        status = -1
    if status:
        told = "\n".join(lines[-5:])
        raise EnvironmentFailure(
            f"no Python {version} is installed, and uv could not fetch one:\n{told}\n"
            "install one, or name an interpreter that has the engine"
        )
    return _find(["python", "find", "--managed-python", "--system", version], project)


def _find(arguments: list[str], project: Path) -> Path | None:
    lines: list[str] = []
    deadline = time.monotonic() + FIND_S
    if run(arguments, project=project, on_line=lines.append, deadline=deadline):
        return None
    return Path(lines[-1]) if lines else None
