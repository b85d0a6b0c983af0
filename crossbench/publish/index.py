"""The index over a folder of reports: `README.md` for a Git host, `index.html` for a static one."""

from __future__ import annotations

from pathlib import Path

from crossbench.errors import InputError
from crossbench.files import replace
from crossbench.publish import page, readme
from crossbench.publish.entries import Listed, listed

README = "README.md"
PAGE = "index.html"


def index(base: Path) -> Listed:
    """Write both, and say what they list. Raises InputError.

    What stands in a README above the line of ours stays there; a page of somebody else's is never
    written over.
    """
    found = listed(base)
    own = _text(base / README).partition(readme.MARK)[0].rstrip()
    before = _text(base / PAGE)
    if before and page.MARK not in before:
        raise InputError(
            f"{base / PAGE} was not made by crossbench publish; move it, or name another folder"
        )
    try:
        replace(base / README, readme.render(found.entries, own).encode())
        replace(base / PAGE, page.render(found.entries).encode())
    except OSError as error:
        raise InputError(f"cannot write into {base}: {error.strerror}") from error
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
