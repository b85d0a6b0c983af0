"""What the owner of this machine has set: a file of theirs, outside every suite.

A suite comes from anybody. Interpreters, packages and build settings can run code, so those a suite
names are used only when its user says `--trust`; those named here belong to the machine's owner.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta, Struct

from crossbench.errors import SuiteError
from crossbench.suite.document import read
from crossbench.suite.positions import KeyPath
from crossbench.suite.rules import requirement_faults
from crossbench.suite.validate import faults

VARIABLE = "CROSSBENCH_MACHINE"
EXAMPLE = """\
schema = 1

[backends.llamacpp]
python = "~/llama/.venv/bin/python"   # an interpreter that has the engine; it is left as it is
variant = "cuda"                      # where the automatic choice is wrong

[backends.vllm]
requires = ["vllm==0.32.0"]           # packages of its environment
"""


class Owned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the owner has set for one backend."""

    python: str | None = None
    """An interpreter that has the engine."""
    variant: str | None = None
    requires: list[str] = []
    """Requirements that replace or join the backend's."""
    build: dict[str, dict[str, str]] = {}
    """Package -> PEP 517 config settings of its build."""


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=1)]
    backends: dict[str, Owned] = {}


def path() -> Path:
    """Where the file is looked for: CROSSBENCH_MACHINE, else the user's configuration folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    return platformdirs.user_config_path("crossbench") / "machine.toml"


def load() -> dict[str, Owned]:
    """Backend -> what the owner has set; empty without a file.

    Raises SuiteError with every problem of the file.
    """
    file = path()
    if VARIABLE not in os.environ and not file.exists():
        return {}
    document = read(file)
    wrong = faults(document.tables, _File)
    if not wrong:
        backends = msgspec.convert(document.tables, _File).backends
        wrong = list(requirement_faults(_requires(backends)))
    if wrong:
        raise SuiteError([document.problem(f.at, f.found, f.allowed) for f in wrong])
    return backends


def _requires(backends: dict[str, Owned]) -> dict[KeyPath, list[str]]:
    return {("backends", name): owned.requires for name, owned in backends.items()}
