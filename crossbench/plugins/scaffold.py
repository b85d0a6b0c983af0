"""`crossbench plugins new`: a package with a plugin that works as it stands.

`template/` is such a package, of the name "standin"; a new one is a copy under another name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from crossbench.errors import InputError

TEMPLATE = Path(__file__).parent / "template"
HIDDEN = {"ci.yml": ".github/workflows/check.yml", "gitignore": ".gitignore"}
"""Files of the template that lie elsewhere in a package."""
CACHES = (".", "__pycache__")
NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,29}")
PREFIX = "crossbench-"
MARK = re.compile(r"# FILL IN: (.*)")


class Scaffold(Struct, frozen=True, kw_only=True):
    """What was written."""

    name: str
    """Of the plugin and its backend."""
    folder: Path
    files: tuple[str, ...]
    places: tuple[str, ...]
    """Where the author has to fill in what, as `file:line: what`."""


def scaffold(name: str, into: Path) -> Scaffold:
    """Write `into/crossbench-NAME`. Raises InputError for a bad name, or where something is."""
    name = name.removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name for a plugin; allowed: up to 30 letters a-z, digits and single "
            "dashes, beginning with a letter, such as my-engine"
        )
    folder = into / f"{PREFIX}{name}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already; choose another name, or another --into")
    files = _files(name)
    try:
        for path, text in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    return Scaffold(name=name, folder=folder, files=tuple(files), places=tuple(_places(files)))


def _files(name: str) -> Mapping[str, str]:
    """Path within the package -> content."""
    found = {}
    for file in sorted(TEMPLATE.rglob("*")):
        path = file.relative_to(TEMPLATE)
        if file.is_file() and not any(part.startswith(CACHES) for part in path.parts):
            place = HIDDEN.get(path.as_posix(), path.as_posix())
            found[_renamed(place, name)] = _renamed(file.read_text(encoding="utf-8"), name)
    return found


def _renamed(text: str, name: str) -> str:
    """The template's name, in each of its spellings, replaced."""
    title = "".join(part.capitalize() for part in name.split("-"))
    module = name.replace("-", "_")
    text = text.replace("crossbench_standin", f"crossbench_{module}")
    return text.replace("Standin", title).replace("standin", name)


def _places(files: Mapping[str, str]) -> list[str]:
    order = ("plugin.py", "options.py", "engine.py")
    found = [
        (order.index(Path(path).name), f"{path}:{number}: {mark[1]}")
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if path.endswith(order) and (mark := MARK.search(line))
    ]
    return [place for _, place in sorted(found)]
