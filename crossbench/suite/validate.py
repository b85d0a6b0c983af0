"""Every fault of a table at once, where msgspec alone would stop at the first.

Types are read with `msgspec.inspect`, so the structs stay the only description of a format. A
backend's options are checked the same way, with `at` telling where in the suite they stand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

import msgspec
import msgspec.inspect as mi
from msgspec import Struct

from crossbench.suite.positions import KeyPath
from crossbench.suite.words import bare, expected, found

_MAX_DEPTH = 16
"""Levels of tables and lists inside free-form values."""
_INTEGERS = range(-(2**63), 2**63)
"""TOML's whole numbers."""


class Fault(Struct, frozen=True):
    """One thing wrong, by its key path; with a document it becomes a `Problem`."""

    at: KeyPath
    found: str
    allowed: str


def faults(value: object, kind: type, at: KeyPath = ()) -> list[Fault]:
    """All faults of a raw value. With none, `msgspec.convert(value, kind)` succeeds."""
    listed = list(_check(value, _type_info(kind), at))
    if not listed:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            listed.append(Fault(at, str(error), f"expected {expected(_type_info(kind))}"))
    return listed


_type_info = cache(mi.type_info)


def _check(value: object, kind: mi.Type, at: KeyPath) -> Iterator[Fault]:
    inner = bare(kind)
    if not _fits(value, inner):
        yield Fault(at, found(value), f"expected {expected(kind)}")
    elif isinstance(value, dict):
        yield from _check_table(value, inner, at)
    elif isinstance(value, list):
        yield from _check_list(value, inner, at)


def _check_table(value: dict[str, Any], kind: mi.Type, at: KeyPath) -> Iterator[Fault]:
    match kind:
        case mi.StructType():
            yield from _check_struct(value, kind, at)
        case mi.DictType():
            for key, entry in value.items():
                yield from _check(key, kind.key_type, (*at, key))
                yield from _check(entry, kind.value_type, (*at, key))
        case mi.UnionType(types=types):
            yield from _check(value, _shaped(value, types), at)
        case _:
            yield from _check_plain(value, at)


def _check_list(value: list[Any], kind: mi.Type, at: KeyPath) -> Iterator[Fault]:
    match kind:
        case mi.ListType() | mi.VarTupleType():
            for index, entry in enumerate(value):
                yield from _check(entry, kind.item_type, (*at, index))
        case mi.UnionType(types=types):
            yield from _check(value, _shaped(value, types), at)
        case _:
            yield from _check_plain(value, at)


def _check_struct(value: dict[str, Any], kind: mi.StructType, at: KeyPath) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in kind.fields}
    for key, entry in value.items():
        if key in fields:
            yield from _check(entry, fields[key].type, (*at, key))
        elif kind.forbid_unknown_fields:
            yield Fault((*at, key), "unknown key", _suggestion(key, list(fields)))
    for name, field in fields.items():
        if field.required and name not in value:
            yield Fault((*at, name), "missing", f"expected {expected(field.type)}")


def _check_plain(value: object, at: KeyPath, depth: int = 0) -> Iterator[Fault]:
    """Values of free-form options: what JSON can carry, and not absurdly deep."""
    if depth > _MAX_DEPTH:
        yield Fault(at, "found tables nested too deeply", f"expected at most {_MAX_DEPTH} levels")
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _check_plain(entry, (*at, key), depth + 1)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _check_plain(entry, (*at, index), depth + 1)
    elif not _fits(value, mi.AnyType()):
        yield Fault(at, found(value), f"expected {expected(mi.AnyType())}")


def _fits(value: object, kind: mi.Type) -> bool:  # noqa: C901, PLR0911, PLR0912 (a line a type)
    """Whether a value is right itself; what it contains is judged on its own."""
    match kind:
        case mi.IntType():
            return _is_integer(value) and _in_range(value, kind)
        case mi.FloatType():
            number = _is_integer(value) or (isinstance(value, float) and math.isfinite(value))
            return number and _in_range(value, kind)
        case mi.StrType():
            return isinstance(value, str) and _matches(value, kind)
        case mi.BoolType():
            return isinstance(value, bool)
        case mi.LiteralType(values=values):
            return any(value == choice and type(value) is type(choice) for choice in values)
        case mi.EnumType(cls=cls):
            return value in [member.value for member in cls]
        case mi.ListType() | mi.VarTupleType():
            return isinstance(value, list) and len(value) >= (kind.min_length or 0)
        case mi.DictType():
            return isinstance(value, dict) and len(value) >= (kind.min_length or 0)
        case mi.StructType():
            return isinstance(value, dict)
        case mi.UnionType(types=types):
            return any(_fits(value, bare(option)) for option in types)
        case mi.AnyType():
            finite = isinstance(value, float) and math.isfinite(value)
            return finite or _is_integer(value) or isinstance(value, bool | str | list | dict)
        case mi.NoneType():
            return False
        case _:
            return True  # tuples, sets and the like are left to msgspec


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS


def _in_range(value: Any, kind: mi.IntType | mi.FloatType) -> bool:
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def _matches(value: str, kind: mi.StrType) -> bool:
    if len(value) < (kind.min_length or 0):
        return False
    if kind.pattern is None:
        return True
    # In Python, unlike in JSON Schema, "$" also matches before a last newline.
    ends = not (kind.pattern.endswith("$") and value.endswith("\n"))
    return ends and re.search(kind.pattern, value) is not None


def _shaped(value: object, types: tuple[mi.Type, ...]) -> mi.Type:
    """The one type of a union that takes a table or a list."""
    return next(option for option in types if _fits(value, bare(option)))


def _suggestion(key: str, known: list[str]) -> str:
    close = get_close_matches(key.lower().replace("-", "_"), known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"expected one of {', '.join(sorted(known))}"
