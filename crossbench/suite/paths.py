"""Paths that a suite names, made absolute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from crossbench.artifacts.reference import BadReference, Local, parse
from crossbench.suite.document import Document, Unreadable, absolute
from crossbench.suite.expand import listed
from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.target import TargetTable
from crossbench.suite.validate import Fault

_OF_ARTIFACT = "artifact"
"""The tokenizer that a GGUF carries."""


def path_faults(
    document: Document, tables: Mapping[KeyPath, TargetTable], wrong: Iterable[Fault]
) -> Iterator[Fault]:
    """Paths that cannot be made absolute. Whether anything is there, the plan finds out."""
    paths: list[tuple[KeyPath, str]] = [
        ((*at, "artifact"), path) for at, table in tables.items() for path in listed(table.artifact)
    ]
    paths += [((*at, "python"), table.python) for at, table in tables.items() if table.python]
    if ("model",) not in [fault.at[:1] for fault in wrong]:
        paths.append((("model", "tokenizer"), document.tables["model"]["tokenizer"]))
    for at, path in paths:
        try:
            if isinstance(parse(path), Local):
                absolute(path, document.path.parent)
        except (BadReference, Unreadable) as error:
            yield Fault(at, error.found, error.allowed)


def located(document: Document, written: str) -> str:
    """A model's path made absolute; what is not a path stays. Raises Unreadable."""
    if not isinstance(parse(written), Local):
        return written
    return str(absolute(written, document.path.parent))


def tokenizer(document: Document, written: str) -> str:
    """The same of a tokenizer, which may also be the artifact's own. Raises Unreadable."""
    return written if written == _OF_ARTIFACT else located(document, written)
