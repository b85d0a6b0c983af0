"""The folder of a run, and what its files are called."""

from __future__ import annotations

from pathlib import Path

from crossbench.errors import InputError

MANIFEST = "run.json"
JOURNAL = "journal.jsonl"
LOGS = "logs"


def refuse_old(folder: Path) -> None:
    """Raises InputError when the folder holds a run."""
    for name in (MANIFEST, JOURNAL):
        path = folder / name
        if path.exists() and path.stat().st_size:
            raise InputError(
                f"{folder} already holds a run; choose another --out, or go on with it: "
                f"crossbench run --resume {folder}"
            )
