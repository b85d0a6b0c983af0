"""Pinning a suite: what it names on the hub is named with the commit that it is now."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from crossbench.artifacts.cache import COMMIT
from crossbench.artifacts.choice import chosen
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.reference import Hub, parse
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.whereabouts import Purpose
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure, InputError
from crossbench.suite import document
from crossbench.suite.expand import listed
from crossbench.suite.load import load


def pin(
    path: Path,
    progress: Progress,
    *,
    settings: HubSettings | None = None,
    patience: Patience | None = None,
) -> Mapping[str, str]:
    """Rewrite a suite's references to branches and tags; every other byte of it is kept.

    Gives what was written -> what is written now; nothing is written before all commits are known.
    Raises SuiteError for a suite that is wrong, InputError for a reference that cannot be found in
    its text, ArtifactFailure for one that the hub does not resolve.
    """
    load(path)
    text = document.read_text(path)
    tables = document.parse(path, text).tables
    found: dict[str, str] = {}
    for written, purpose in _references(tables):
        wanted = parse(written)
        if written in found or not isinstance(wanted, Hub) or COMMIT.fullmatch(wanted.at):
            continue
        commit = _commit(wanted, purpose, settings or hub_settings(), patience, progress)
        found[written] = str(replace(wanted, revision=commit))
    for written, pinned in found.items():
        text = _rewritten(path, text, written, pinned)
    if found:
        _write(path.resolve(), text)
    return found


def _references(tables: dict[str, Any]) -> Iterator[tuple[str, Purpose]]:
    yield tables["model"]["tokenizer"], "tokenizer"
    for target in tables["targets"].values():
        for written in listed(target["artifact"]):
            yield written, "weights"


def _commit(
    wanted: Hub,
    purpose: Purpose,
    settings: HubSettings,
    patience: Patience | None,
    progress: Progress,
) -> str:
    """What the revision is now, where the repository has what is wanted of it."""
    if settings.offline:
        raise ArtifactFailure(
            f"{wanted}: HF_HUB_OFFLINE is set, and only the hub knows its commits; unset it"
        )
    from crossbench.artifacts import download  # noqa: PLC0415  (the network, only where needed)

    listing = download.listed(wanted, settings, patience or Patience(), progress)
    chosen(wanted, [file.name for file in listing.files], purpose)
    return listing.commit


def _rewritten(path: Path, text: str, written: str, pinned: str) -> str:
    """The text with each string that names it changed; in comments and elsewhere it stays."""
    changed = text
    for place in reversed([m.start() for m in re.finditer(_literal(written), text)]):
        begin, end = place + 1, place + 1 + len(written)
        tried = changed[:begin] + pinned + changed[end:]
        if _is_reference(path, changed, tried):
            changed = tried
    left = [each for each, _ in _references(document.parse(path, changed).tables)]
    if written in left:
        raise InputError(
            f"{path}: {written!r} is not written there as one plain string; write {pinned!r} "
            "there yourself"
        )
    return changed


def _literal(written: str) -> str:
    return rf"(?:\"{re.escape(written)}\"|'{re.escape(written)}')"


def _is_reference(path: Path, before: str, after: str) -> bool:
    """Whether the change makes the suite say something else, and only of its artifacts."""
    old, new = document.parse(path, before).tables, document.parse(path, after).tables
    return old != new and _without_references(old) == _without_references(new)


def _without_references(tables: dict[str, Any]) -> dict[str, Any]:
    kept = deepcopy(tables)
    del kept["model"]["tokenizer"]
    for target in kept["targets"].values():
        del target["artifact"]
    return kept


def _write(path: Path, text: str) -> None:
    """In one step, with the mode that the file has. Raises InputError."""
    made = path.with_name(f".{uuid.uuid4().hex}")
    try:
        made.write_bytes(text.encode())
        shutil.copymode(path, made)
        made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise InputError(f"{path}: it cannot be written ({error.strerror})") from error
