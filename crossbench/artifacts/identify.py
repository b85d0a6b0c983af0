"""Which bytes were measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crossbench.artifacts.digest import Digests
from crossbench.artifacts.local import read_by_engines
from crossbench.envs.progress import Progress
from crossbench.plan.artifact import Artifact


def identify(
    path: Path, progress: Progress, *, name: str | None = None, digests: Digests | None = None
) -> Artifact:
    """Hash what an engine reads of an artifact; what was hashed before is not read again.

    `name` is for the record, by default the file's or directory's own. Raises OSError, and
    ArtifactFailure where a file is damaged or is being written.
    """
    files = read_by_engines(path)
    digests = digests or Digests()
    known = digests.sha256(files, progress)
    whole = known[path] if files == [path] else _together(path, known)
    return Artifact(
        name=name or path.name,
        bytes=sum(file.stat().st_size for file in files),
        files=len(files),
        sha256=whole,
    )


def _together(path: Path, known: dict[Path, str]) -> str:
    """Over the sorted lines `sha256  relative/path`."""
    base = path if path.is_dir() else path.parent
    lines = [f"{digest}  {file.relative_to(base).as_posix()}\n" for file, digest in known.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
