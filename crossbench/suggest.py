"""The "did you mean" of every error about a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(found: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the closest known name, or nothing."""
    close = get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
