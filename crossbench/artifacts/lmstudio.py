"""Models that LM Studio has downloaded: `PUBLISHER/MODEL/` with GGUFs, or with safetensors for MLX.

LM Studio writes its home's path into `~/.lmstudio-home-pointer`; its settings may move the models
(`downloadsFolder`). Where neither says anything, they are in one of two folders by its age.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from crossbench.artifacts import local
from crossbench.artifacts.reference import LmStudio
from crossbench.artifacts.whereabouts import Absent, Present
from crossbench.headers.shards import models
from crossbench.suggest import suggestion


class _Settings(Struct):
    downloads: str | None = msgspec.field(default=None, name="downloadsFolder")


def stores() -> list[Path]:
    """Where LM Studio keeps models, in the order they are looked for."""
    homes = list(_homes())
    moved = [folder for file in _settings(homes) if (folder := _downloads(file))]
    return list(dict.fromkeys([*moved, *(home / "models" for home in homes)]))


def look(wanted: LmStudio) -> Present | Absent:
    """The model's file or folder."""
    places = stores()
    try:
        for store in places:
            if (folder := store / wanted.publisher / wanted.model).is_dir():
                return _of(folder, wanted)
        known = [name for store in places for name in _models(store)]
    except OSError as error:
        return Absent(f"{wanted}: {error.filename} cannot be read: {error.strerror}")
    name = f"{wanted.publisher}/{wanted.model}"
    return Absent(
        f"{wanted}: LM Studio has no such model in {' or '.join(map(str, places))}"
        f"{suggestion(name, known)}; download it there, or give the model's path"
    )


def _homes() -> Iterator[Path]:
    home = Path.home()
    try:
        pointed = (home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        pointed = ""
    if pointed and "\0" not in pointed:
        yield Path(pointed)
    yield home / ".lmstudio"
    yield home / ".cache" / "lm-studio"


def _settings(homes: list[Path]) -> Iterator[Path]:
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for folder in (*homes, Path.home() / "Library" / "Application Support" / "LM Studio"):
        yield folder / "settings.json"
    yield config / "LM Studio" / "settings.json"


def _downloads(file: Path) -> Path | None:
    """The folder that the settings name; settings that are no JSON name none."""
    try:
        named = msgspec.json.decode(file.read_bytes(), type=_Settings).downloads
    except (OSError, msgspec.DecodeError):
        return None
    return Path(named).expanduser() if named and "\0" not in named else None


def _models(store: Path) -> list[str]:
    return [f"{folder.parent.name}/{folder.name}" for folder in store.glob("*/*/")]


def _of(folder: Path, wanted: LmStudio) -> Present | Absent:
    if wanted.file:
        return local.look(folder / wanted.file)
    found = models([file.name for file in folder.iterdir() if file.is_file()])
    if len(found) == 1:
        return local.look(folder / found[0])
    if len(found) > 1:
        return Absent(
            f"{wanted}: it has {len(found)} GGUFs; name one of them: "
            + ", ".join(f"{wanted}/{name}" for name in found)
        )
    if any(folder.glob(f"*{local.WEIGHTS}")):
        return Present(str(folder))
    return Absent(f"{wanted}: {folder} has neither a GGUF nor safetensors; download it again")
