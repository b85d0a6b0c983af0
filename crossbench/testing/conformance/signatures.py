"""Whether an object's methods take what the contract passes them; runs in the worker."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from inspect import Parameter

NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)


def faults(target: object, contract: type) -> list[str]:
    """One sentence for each method of the contract that the object lacks or defines otherwise."""
    return list(_faults(target, contract))


def _faults(target: object, contract: type) -> Iterator[str]:
    owner = type(target).__name__
    for name, promised in vars(contract).items():
        if name.startswith("_") or not inspect.isfunction(promised):
            continue
        method = getattr(target, name, None)
        wanted = list(inspect.signature(promised).parameters)[1:]
        if not callable(method):
            yield f"{owner} has no method {name}({', '.join(wanted)})"
            continue
        given = list(inspect.signature(method).parameters.values())
        if not _takes(given, wanted):
            told = ", ".join(str(parameter.name) for parameter in given)
            yield f"{owner}.{name}({told}) where the contract has {name}({', '.join(wanted)})"


def _takes(given: list[Parameter], wanted: list[str]) -> bool:
    """Whether the contract's call fits, by position and by name; what is added has a default."""
    names = [parameter.name for parameter in given if parameter.kind in NAMED]
    added = given[len(wanted) :]
    return names[: len(wanted)] == wanted and all(
        parameter.default is not Parameter.empty
        or parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        for parameter in added
    )
