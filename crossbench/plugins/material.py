"""What a user hands to `crossbench plugins check`, read from a command line and from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import tomli

from crossbench.errors import InputError
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from crossbench.provision.prepare import prepare
from crossbench.report.build import build
from crossbench.report.model import Report
from crossbench.suggest import suggestion


class _Silent:
    """A `Progress` that nobody watches."""

    def started(self, text: str) -> None: ...
    def line(self, text: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def finished(self, text: str) -> None: ...


def assignment(option: str, given: str) -> tuple[str, Any]:
    """`key=value` in two, the value as TOML has it, else as text. Raises InputError."""
    name, separator, written = given.partition("=")
    if not (name and separator):
        raise InputError(f"{option} {given}: found no KEY=VALUE; write {option} threads=1")
    try:
        return name, tomli.loads(f"value = {written}")["value"]
    except tomli.TOMLDecodeError:
        return name, written


def setting(given: str) -> tuple[str, Any]:
    """An attribute of the kit, "loads=2". Raises InputError."""
    from crossbench.plugins.kit import SETTINGS  # noqa: PLC0415 - pytest is an extra

    name, value = assignment("--set", given)
    if name not in SETTINGS:
        known = ", ".join(sorted(SETTINGS))
        raise InputError(f"--set {given}: unknown{suggestion(name, SETTINGS)}; allowed: {known}")
    try:
        return name, msgspec.convert(value, SETTINGS[name])
    except msgspec.ValidationError as error:
        raise InputError(f"--set {given}: {error}") from error


def report(run: Path) -> Report:
    """The report of a run. Raises InputError."""
    return build(run)


def plan(suite: Path) -> Plan:
    """The plan of a suite on this machine, with nothing started. Raises InputError."""
    return prepare(suite, profile=None, selection=Selection(), progress=_Silent()).plan
