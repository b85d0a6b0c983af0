"""A target's options and variant, held against its backend, with the line of the suite at fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from crossbench.errors import Problem
from crossbench.suite.document import read
from crossbench.suite.model import Suite, Target
from crossbench.suite.positions import KeyPath
from crossbench.suite.validate import Fault, faults


class Offer(Struct, frozen=True):
    """What a backend takes."""

    options: type[Struct]
    variants: tuple[str, ...]


def option_problems(path: Path, suite: Suite, offers: Mapping[str, Offer]) -> list[Problem]:
    """All problems of the targets whose backend's offer is given.

    `path` is the suite as the user named it, for the messages; `offers` goes by target name.
    """
    document = read(path)
    listed: dict[tuple[KeyPath, str], Problem] = {}
    for target in suite.targets:
        if (offer := offers.get(target.name)) is None:
            continue
        table = document.tables["targets"][target.base]
        wrong = [
            Fault(_place(target, table, fault), fault.found, fault.allowed)
            for fault in faults(dict(target.options), offer.options)
        ]
        if target.variant is not None and target.variant not in offer.variants:
            allowed = f"expected one of {', '.join(offer.variants)}"
            at: KeyPath = ("targets", target.base, "variant")
            wrong.append(Fault(at, f'found "{target.variant}"', allowed))
        for fault in wrong:
            problem = document.problem(fault.at, fault.found, fault.allowed)
            listed.setdefault((fault.at, problem.found), problem)
    return sorted(listed.values(), key=lambda problem: problem.line or 0)


def _place(target: Target, table: Mapping[str, object], fault: Fault) -> KeyPath:
    """Where the option was written: in `options`, or in `matrix` at the value chosen from it."""
    inside: tuple[str, str] = ("targets", target.base)
    matrix = table.get("matrix", {})
    key = fault.at[0] if fault.at else None
    if isinstance(matrix, dict) and isinstance(key, str) and key in matrix:
        chosen = matrix[key].index(target.options[key])
        return (*inside, "matrix", key, chosen, *fault.at[1:])
    return (*inside, "options", *fault.at)
