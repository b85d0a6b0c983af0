"""Whose machine it was: names and homes, as the system tells them and as paths betray them."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_HOME = r"(?:/home|/Users|/mnt/[a-z]/Users|/var/home|[A-Za-z]:\\+Users)[/\\]+"
_WHOLE = re.compile(rf"({_HOME}([^/\\\n]+))(?:[/\\].*)?")
_PART = re.compile(rf"({_HOME}([^/\\\s\"',;:()<>]+))")


_SERVER = re.compile(r"([A-Za-z](?:[\w.-]*\w)?):\d{2,5}")


class Named(NamedTuple):
    """What is to be hidden."""

    names: tuple[str, ...]
    homes: tuple[str, ...]


def here() -> tuple[str, ...]:
    """Names of this host and its user, and the user's home, as far as the system tells them."""
    host = platform.node()
    told = [host, host.partition(".")[0], str(Path.home())]
    with suppress(OSError, KeyError):  # a user without a name has none to hide
        told.append(getpass.getuser())
    return tuple(dict.fromkeys(filter(None, told)))


def sorted_out(told: Iterable[str]) -> Named:
    """Names and homes apart: whatever has a slash is a home, and its last name a user's."""
    names: list[str] = []
    homes: list[str] = []
    for each in told:
        if "/" in each or "\\" in each:
            homes.append(each)
            names.append(re.split(r"[/\\]", each.rstrip("/\\"))[-1])
        else:
            names.append(each)
    return Named(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(homes)))


def servers(told: Any) -> Iterator[str]:
    """The hosts among whatever texts these builtins hold, such as `gpubox:50052`."""
    if isinstance(told, str):
        if found := _SERVER.fullmatch(told):
            yield found[1]
    elif isinstance(told, dict):
        yield from servers(list(told.values()))
    elif isinstance(told, list | tuple):
        for value in told:
            yield from servers(value)


def betrayed(told: Any) -> Iterator[str]:
    """The homes in whatever texts these builtins hold, such as `/home/anna`."""
    if isinstance(told, str):
        whole = _WHOLE.fullmatch(told)
        found = [whole] if whole and len(whole[2]) <= 64 else _PART.finditer(told)
        yield from (match[1] for match in found if match)
    elif isinstance(told, dict):
        for key, value in told.items():
            yield from betrayed(key)
            yield from betrayed(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from betrayed(value)
