"""What the hooks of a plugin yield, checked before anything rests on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from crossbench.api import BackendSpec, Finding, ProbeSpec, ReporterSpec
from crossbench.plugins.origin import Broken
from crossbench.plugins.reference import is_reference, missing

T = TypeVar("T", bound=Struct)
NAME_RULE = "allowed: a-z, 0-9 and dashes"


def listed(answer: object, kind: type[Struct]) -> list[Any]:
    """A hook's answer as a list. Raises TypeError for what is no iterable of its kind."""
    if isinstance(answer, kind):
        raise TypeError(f"it returned a {kind.__name__}; allowed is an iterable of them")
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        found = type(answer).__name__
        raise TypeError(f"it returned a {found}; allowed: iterable of {kind.__name__}")
    return list(answer)


def checked(found: object, kind: type[T]) -> T:
    """What was yielded, if it is one that crossbench can use. Raises Broken."""
    if not isinstance(found, kind):
        told = f"it yielded a {type(found).__name__}; allowed: {kind.__name__}"
        raise Broken("declaration", told)
    try:
        sound = msgspec.convert(msgspec.to_builtins(found), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise Broken("declaration", f"its {kind.__name__} is wrong: {error}") from error
    for kept, cause in RULES[kind](sound):
        if not kept:
            raise Broken("declaration", cause)
    return sound


def is_name(name: object) -> bool:
    """Whether a suite and a command line can say it."""
    return (
        isinstance(name, str)
        and name.isascii()
        and name.replace("-", "").isalnum()
        and name == name.lower()
        and not name.startswith("-")
    )


Rules = Iterable[tuple[bool, str]]


def _backend(spec: BackendSpec) -> Rules:
    yield is_name(spec.name), f"backend name {spec.name!r}; {NAME_RULE}"
    yield from _named("factory", spec.factory, "package.module:Class")
    yield from _named("options", spec.options, "package.module:Struct")
    yield bool(spec.environments), "no environment; at least one variant is needed"
    variants = ", ".join(spec.environments)
    yield all(map(is_name, spec.environments)), f"variants {variants}; {NAME_RULE}"


def _probe(spec: ProbeSpec) -> Rules:
    yield is_name(spec.name), f"probe name {spec.name!r}; {NAME_RULE}"
    yield from _named("factory", spec.factory, "package.module:Class")


def _reporter(spec: ReporterSpec) -> Rules:
    yield is_name(spec.name), f"format name {spec.name!r}; {NAME_RULE}"
    parts = spec.ending.split(".")
    told = f"ending {spec.ending!r} of format {spec.name!r}; allowed: such as 'junit.xml'"
    yield all(map(is_name, parts)), told
    yield from _named("render", spec.render, "package.module:function")


def _finding(finding: Finding) -> Rules:
    yield is_name(finding.rule), f"rule {finding.rule!r}; {NAME_RULE}"


def _named(field: str, reference: str, form: str) -> Rules:
    yield is_reference(reference), f"{field} {reference!r}; allowed: {form!r}"
    fault = missing(reference)
    yield fault is None, f"{field} {reference!r}: {fault}"


RULES: Mapping[type[Struct], Callable[[Any], Rules]] = {
    BackendSpec: _backend,
    ProbeSpec: _probe,
    ReporterSpec: _reporter,
    Finding: _finding,
}
