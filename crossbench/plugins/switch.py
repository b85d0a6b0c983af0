"""Switching plugins off: by `crossbench --disable NAME`, or by an environment variable.

The option sets the variable, so that whatever crossbench starts leaves the same plugins out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from crossbench.errors import InputError
from crossbench.plugins.origin import GROUP_PREFIX, origin
from crossbench.suggest import suggestion

VARIABLE = "CROSSBENCH_DISABLE_PLUGINS"


def installed() -> list[EntryPoint]:
    """The entry points of plugins, of whichever version of the contract."""
    every = entry_points()
    return [
        point
        for group in every.groups
        if group.startswith(GROUP_PREFIX)
        for point in every.select(group=group)
    ]


def switched_off() -> frozenset[str]:
    """Names of plugins, or of their distributions, that are to be left alone."""
    return frozenset(filter(None, map(normal, os.environ.get(VARIABLE, "").split(","))))


def is_off(point: EntryPoint, names: frozenset[str]) -> bool:
    """Whether one of the names is that of the plugin or of its distribution."""
    return not names.isdisjoint(_names(point))


def switch_off(names: Iterable[str]) -> None:
    """Leave these out from now on. Raises InputError for a plugin that is not installed."""
    wanted = list(names)
    known = {name for point in installed() for name in _names(point)}
    for name in wanted:
        if normal(name) not in known:
            plugins = ", ".join(sorted({point.name for point in installed()}))
            raise InputError(
                f"--disable {name}: no such plugin{suggestion(name, known)}; installed: {plugins}"
            )
    os.environ[VARIABLE] = ",".join(sorted(switched_off() | {normal(name) for name in wanted}))


def normal(name: str) -> str:
    """A name as PEP 503 normalises it, so that case, dots and underscores do not matter."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _names(point: EntryPoint) -> set[str]:
    return {normal(point.name), normal(origin(point).distribution)}
