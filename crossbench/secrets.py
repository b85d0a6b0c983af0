"""Values that must reach no file: keys and tokens that the environment holds for other programs.

A plugin, or an engine, prints what it likes. So that a log can be shown and a report published,
values of environment variables whose names say "key" or "token" are masked wherever the words of a
worker are kept: in its messages as they arrive, in its log once it has ended. A mask is as long as
what it hides, so that neither a message nor a file changes its length.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Mapping
from pathlib import Path

WORDS = {
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "pass",
    "passwd",
    "password",
    "pat",
    "secret",
    "token",
}
"""A variable with one of these among the words of its name holds a secret."""
LEAST_LENGTH = 8
"""Shorter values are "true", a number or a word that stands elsewhere, too."""
MASK = b"*"


def secrets(environ: Mapping[str, str] = os.environ) -> tuple[bytes, ...]:
    """The values to hide, longest first, so that no part of one is left of another."""
    values = {
        value.encode("utf-8", "surrogateescape")
        for name, value in environ.items()
        if is_secret(name) and len(value) >= LEAST_LENGTH and not os.path.exists(value)  # noqa: PTH110 - Path.exists raises for names that are too long
    }
    return tuple(sorted(values, key=len, reverse=True))


def is_secret(name: str) -> bool:
    """Whether a variable's name says that its value is one: HF_TOKEN, OPENAI_API_KEY, DB-PASS."""
    return not WORDS.isdisjoint(re.split(r"[^a-z]+", name.lower()))


def masked(data: bytes, hidden: tuple[bytes, ...]) -> bytes:
    """The same bytes, as many, without what is hidden."""
    for secret in hidden:
        data = data.replace(secret, MASK * len(secret))
    return data


def unsaid(text: str) -> str:
    """The words of a stranger's code that runs in this process, without what is to be hidden."""
    hidden = secrets()
    if not hidden:
        return text
    said = masked(text.encode("utf-8", "surrogateescape"), hidden)
    return said.decode("utf-8", "surrogateescape")


def mask_file(path: Path, hidden: tuple[bytes, ...]) -> int:
    """Mask a file in place, whatever its size, and say how often. Raises OSError."""
    if not hidden or not path.stat().st_size:
        return 0
    found = 0
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        for secret in hidden:
            place = content.find(secret)
            while place >= 0:
                content[place : place + len(secret)] = MASK * len(secret)
                found += 1
                place = content.find(secret, place + len(secret))
    return found
