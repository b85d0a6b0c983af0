"""The copy of a run that anybody may read: the run without what is private, and its report.

Only what is known is copied: manifest, journal, readings, logs; the report is made from the copy.
The copy appears whole or not at all, and the same run gives the same bytes.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.journal.folder import JOURNAL, LOGS, MANIFEST
from crossbench.journal.manifest import Manifest
from crossbench.journal.reader import read_manifest
from crossbench.machine.telemetry import TELEMETRY
from crossbench.redaction.private import Private
from crossbench.redaction.prompts import promptless, texts
from crossbench.redaction.run import Source, private, raw, without
from crossbench.report.build import build
from crossbench.report.labels import machine_label
from crossbench.report.write import put

PART = ".part"
"""The ending of a folder that is not whole yet."""
_UNSAFE = re.compile(r"[^a-z0-9._]+")


def publish(
    run: Path,
    base: Path,
    *,
    without_prompts: bool = False,
    hidden: Collection[str] = (),
    here: Iterable[str] = (),
) -> Path:
    """Write the copy of a run into its place below `base`, and say where.

    `hidden` are names to take out beside those that the run knows itself and those of `here`. A
    copy that was published before stays as it is, unless more is to be taken out of it. Raises
    InputError, also where the copy that lies there has less in it than this one would.
    """
    source = raw(run)
    more = without_prompts or bool(hidden)
    names = (*here, *hidden)
    taken = private(source, names, texts(source.manifest) if without_prompts else ())
    if source.redacted and not more:
        shown = source
    else:
        shown = _shown(source, taken, without_prompts, len(set(hidden)))
    folder = base / _place(shown)
    _refuse_less(folder, shown.manifest)
    if folder.resolve() == run.resolve() and not more:
        return folder
    draft = folder.with_name(folder.name + PART)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write(shown, draft)
        if not without_prompts:
            _logs(run, draft, taken)
        _refuse_private(draft, taken)
        put(build(draft), draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _shown(source: Source, taken: Private, without_prompts: bool, hidden: int) -> Source:
    shown = without(source, taken)
    manifest = replace(
        shown.manifest,
        published=source.manifest.published or "whole",
        hidden=source.manifest.hidden + hidden,
    )
    shown = replace(shown, manifest=manifest)
    return promptless(shown) if without_prompts else shown


def _place(source: Source) -> Path:
    """`suite/20261123T172000Z-2x-rtx-4090`."""
    manifest = source.manifest
    stamp = manifest.started.replace("-", "").replace(":", "")
    machine = _slug(machine_label(manifest.plan.machine))
    return Path(_slug(manifest.plan.suite.name), f"{_slug(stamp).upper()}-{machine}")


def _refuse_less(folder: Path, new: Manifest) -> None:
    """Raises InputError where what was left out of the copy that lies there would come back."""
    if not (folder / MANIFEST).is_file():
        return
    old = read_manifest(folder)
    if old.published == "without prompts" and new.published != old.published:
        left, again = "without its prompts", "--without-prompts"
    elif new.hidden < old.hidden:
        names = "a name" if old.hidden == 1 else f"{old.hidden} names"
        left, again = f"with {names} taken out", "--hide for each"
    else:
        return
    raise InputError(
        f"{folder} was published {left}, which would come back; give {again} again, or remove the "
        "folder first"
    )


def _slug(name: str) -> str:
    """A name for a folder and an address: lower-case letters, digits, dots, dashes."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _UNSAFE.sub("-", bare).strip("-.") or "unnamed"


def _write(source: Source, folder: Path) -> None:
    encoder = msgspec.json.Encoder()
    manifest = msgspec.json.format(encoder.encode(source.manifest), indent=1)
    (folder / MANIFEST).write_bytes(manifest + b"\n")
    _lines(folder / JOURNAL, map(encoder.encode, source.events()))
    _lines(folder / TELEMETRY, map(encoder.encode, source.telemetry()))


def _lines(path: Path, lines: Iterator[bytes]) -> None:
    """A file of lines; none where there are none."""
    first = next(lines, None)
    if first is None:
        return
    with path.open("wb") as stream:
        stream.write(first + b"\n")
        stream.writelines(line + b"\n" for line in lines)


def _logs(run: Path, draft: Path, taken: Private) -> None:
    """What engines printed, line by line."""
    (draft / LOGS).mkdir()
    for log in sorted((run / LOGS).glob("*.log")):
        with log.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
            kept = "".join(map(taken.text, lines))
        (draft / LOGS / taken.text(log.name)).write_bytes(kept.encode("utf-8", "surrogateescape"))


def _refuse_private(folder: Path, taken: Private) -> None:
    """Raises InputError where anything that was to be taken out is still there."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as lines:
            found = next(filter(None, map(taken.left, (path.name.encode(), *lines))), None)
        if found is not None:
            raise InputError(
                f"{path.relative_to(folder)} would still hold {found!r}; nothing was published. "
                "This is a fault of crossbench"
            )
