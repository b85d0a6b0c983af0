"""Where built environments live: one folder each, complete once its `env.json` is written.

    <store>/<backend>-<variant>-<key>/   venv/  env.json  build.log
    <store>/locks/                       one file per folder: one build at a time
    <store>/overlays/, <store>/side/     see `overlay`

The key is a hash of everything that the environment is made from, so a change of inputs is a new
folder, and a folder without a readable `env.json` is a build that was interrupted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs
from filelock import FileLock, Timeout
from msgspec import Struct

from crossbench.envs.progress import Progress
from crossbench.errors import EnvironmentFailure, InputError

FORMAT = 1
VARIABLE = "CROSSBENCH_ENVS"
RECORD = "env.json"
LOG = "build.log"
VENV = "venv"
KEY_LENGTH = 12
RESERVED = ("locks", "overlays", "side")


class Inputs(Struct, frozen=True, kw_only=True):
    """All that decides what an environment holds."""

    backend: str
    variant: str
    requirements: tuple[str, ...]
    overrides: tuple[str, ...]
    build_settings: Mapping[str, Mapping[str, str]]
    wheels_serve: bool
    python: str
    """Version specifier, as the backend states it."""
    python_tag: str
    """Of the interpreter that was chosen, such as "cpython-311"."""
    platform: str
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Hexadecimal SHA-256 of the inputs as canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @property
    def folder(self) -> Path:
        """Where the environment of these inputs is, built or not."""
        return root() / f"{self.backend}-{self.variant}-{self.key[:KEY_LENGTH]}"


class Record(Struct, frozen=True, kw_only=True):
    """What `env.json` says of a finished environment."""

    inputs: Inputs
    key: str
    built_at: str
    """UTC, ISO 8601."""
    how: Literal["wheel", "build"]
    """From prebuilt wheels alone, or with something compiled here."""
    versions: Mapping[str, str]
    """Normalised distribution name -> version."""


class Stored(Struct, frozen=True, kw_only=True):
    """One folder of the store; `record` is None for a build that did not finish."""

    folder: Path
    record: Record | None


def root() -> Path:
    """The store: CROSSBENCH_ENVS, else a folder of the user's caches."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    return platformdirs.user_cache_path("crossbench") / "envs"


def interpreter(folder: Path) -> Path:
    """The interpreter of an environment's folder."""
    return folder / VENV / "bin" / "python"


def read(folder: Path) -> Record | None:
    """The record of a finished and usable environment, else None."""
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return record if os.access(interpreter(folder), os.X_OK) else None


def write(folder: Path, record: Record) -> None:
    """Declare the environment finished; either all of the record is there or nothing."""
    text = msgspec.json.format(msgspec.json.encode(record, order="deterministic"))
    replace_text(folder / RECORD, text)


def replace_text(file: Path, text: bytes) -> None:
    """Write a file so that no reader ever sees part of it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_bytes(text)
    fresh.replace(file)


def make_folder(folder: Path) -> Path:
    """Make the folder and those above it. Raises EnvironmentFailure where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot make the folder {folder} ({error.strerror}); "
            f"set {VARIABLE} to a folder of yours with enough room"
        ) from None
    return folder


@contextmanager
def locked(folder: Path, progress: Progress, deadline: float) -> Iterator[None]:
    """Hold the folder against other processes; a second one waits and says so.

    `deadline` is a value of `time.monotonic`. Raises EnvironmentFailure when it passes.
    """
    lock = FileLock(make_folder(root() / "locks") / f"{folder.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.line(f"another process is building {folder.name}; waiting for it")
        try:
            lock.acquire(timeout=max(0.0, deadline - time.monotonic()), poll_interval=0.2)
        except Timeout:
            raise EnvironmentFailure(
                f"another process is still building {folder.name}; wait for it, or end it",
                folder / LOG,
            ) from None
    try:
        yield
    finally:
        lock.release()


def stored() -> tuple[Stored, ...]:
    """Every environment of the store, finished or not, by name."""
    folders = sorted(root().iterdir()) if root().is_dir() else []
    return tuple(
        Stored(folder=folder, record=read(folder))
        for folder in folders
        if folder.is_dir() and folder.name not in RESERVED
    )


def size_bytes(folder: Path) -> int:
    """Bytes on disk of a folder's files, links not followed.

    Files that uv links from its cache are counted here too.
    """
    return sum(entry.lstat().st_blocks * 512 for entry in folder.rglob("*"))


def remove(name: str) -> Path:
    """Remove the environment of that folder name, and return where it was.

    Raises InputError for an unknown name, EnvironmentFailure while it is being built.
    """
    names = [entry.folder.name for entry in stored()]
    if name not in names:
        allowed = ", ".join(names) or "none is built"
        raise InputError(f"there is no environment {name!r}; there are: {allowed}")
    folder = root() / name
    try:
        with FileLock(make_folder(root() / "locks") / f"{name}.lock", timeout=0):
            wipe(folder)
    except Timeout:
        raise EnvironmentFailure(f"{name} is being built by another process") from None
    return folder


def wipe(folder: Path) -> None:
    """Remove a folder; its record goes first, so that what is left never looks finished."""
    (folder / RECORD).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
