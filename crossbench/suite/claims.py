"""Which names a suite claims: those written in it, and those that its matrices make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from crossbench.suite.document import Document
from crossbench.suite.expand import Variant
from crossbench.suite.names import Claim, name_faults
from crossbench.suite.positions import KeyPath
from crossbench.suite.validate import Fault


def claim_faults(
    document: Document,
    targets: Iterable[Variant],
    scenarios: Iterable[Variant],
    wrong: Iterable[Fault],
) -> list[Fault]:
    """What is wrong with the names of a suite in which so much else is wrong.

    Names as written, also those of tables with other faults, then what expansion makes.
    """
    spoiled = {fault.at for fault in wrong}
    rooms = [
        [*_written_names(document, room, spoiled), *_expanded_names(variants)]
        for room, variants in (("targets", targets), ("scenarios", scenarios))
    ]
    if ("name",) not in spoiled:
        rooms.append([Claim(("name",), document.tables["name"])])
    return [fault for claims in rooms for fault in name_faults(claims, document.positions)]


def _written_names(document: Document, room: str, spoiled: Collection[KeyPath]) -> Iterator[Claim]:
    tables = [] if (room,) in spoiled else document.tables[room]
    names: Iterable[tuple[KeyPath, str]]
    if isinstance(tables, dict):
        names = (((room, name), name) for name in tables)
    else:
        named = (
            (index, table)
            for index, table in enumerate(tables)
            if isinstance(table, dict) and "name" in table
        )
        names = (((room, index, "name"), table["name"]) for index, table in named)
    return (Claim(at, name) for at, name in names if at not in spoiled)


def _expanded_names(variants: Iterable[Variant]) -> Iterator[Claim]:
    return (Claim(v.name_at, v.name) for v in variants if v.name != v.base)
