"""`--artifact TARGET=PATH`: another artifact for a target of the suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from crossbench.artifacts.reference import Local, parse
from crossbench.errors import InputError
from crossbench.suggest import suggestion
from crossbench.suite.model import Suite


def overridden(suite: Suite, given: Sequence[str]) -> Suite:
    """The suite with the artifacts of `given`; a path is relative to the working directory.

    TARGET is a target's own name or the one it was expanded from; its own wins. Raises InputError.
    """
    chosen = _pairs(given)
    known = list(dict.fromkeys(n for target in suite.targets for n in (target.base, target.name)))
    for name in chosen:
        if name not in known:
            raise InputError(
                f"--artifact {name}=...: the suite has no target {name!r}"
                f"{suggestion(name, known)}; it has {', '.join(known)}"
            )
    targets = tuple(
        replace(target, artifact=chosen.get(target.name, chosen.get(target.base, target.artifact)))
        for target in suite.targets
    )
    return replace(suite, targets=targets)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for pair in given:
        name, _, written = pair.partition("=")
        if not name or not written:
            raise InputError(f"--artifact {pair}: expected TARGET=PATH, such as a=~/model.gguf")
        if name in chosen:
            raise InputError(f"--artifact {name}=...: it is given twice; give it once")
        chosen[name] = located(written)
    return chosen


def located(written: str) -> str:
    """A path made absolute, other references as they are. Raises InputError."""
    reference = parse(written)
    if not isinstance(reference, Local):
        return written
    try:
        return str(Path(reference.path).expanduser().absolute())
    except RuntimeError:
        raise InputError(f"{written}: no home directory is known; give the full path") from None
