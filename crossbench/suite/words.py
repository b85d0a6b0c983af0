"""What was found and what is allowed, in the words of someone who writes TOML."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec.inspect as mi

_SHOWN = 40
"""Characters of a value that a message repeats."""


def found(value: object) -> str:
    """A value and what kind it is, shortened."""
    match value:
        case bool():
            return f"found {str(value).lower()} (true or false)"
        case str():
            return f"found {quoted(value)} (text)"
        case int():
            beyond = "" if value.bit_length() < 64 else " beyond 64 bits"
            return f"found {_shortened(format_integer(value))} (whole number{beyond})"
        case float():
            finite = "" if math.isfinite(value) else "not a finite "
            return f"found {value} ({finite}number)"
        case list():
            entries = "1 entry" if len(value) == 1 else f"{len(value)} entries"
            return f"found a list of {entries}" if value else "found an empty list"
        case dict():
            return f"found a table with {_listed(value)}" if value else "found an empty table"
        case _:
            return f"found {value} (date or time)"


def expected(kind: mi.Type) -> str:  # noqa: C901, PLR0911 (a line a type)
    """What a key of this type may hold, such as `a whole number from 1 to 1000`."""
    inner = kind.type if isinstance(kind, mi.Metadata) else kind
    match inner:
        case mi.StrType(pattern=str()):
            return _description(kind) or f"a text that matches {inner.pattern}"
        case mi.StrType():
            return f"a text{_not_empty(inner.min_length)}"
        case mi.BoolType():
            return "true or false"
        case mi.IntType() | mi.FloatType():
            return _number(inner)
        case mi.LiteralType(values=values):
            return choice(values)
        case mi.EnumType(cls=cls):
            return choice([member.value for member in cls])
        case mi.ListType() | mi.VarTupleType():
            return _list(inner)
        case mi.StructType(fields=fields):
            required = [field.encode_name for field in fields if field.required]
            return f"a table with {_listed(required)}" if required else "a table"
        case mi.DictType():
            return f"a table{_not_empty(inner.min_length)}"
        case mi.UnionType(types=types):
            return _either(types)
        case _:
            return "a text, a number, true or false, or a list or table of these"


def choice(values: Iterable[object]) -> str:
    """`one of "a", "b"`, or the only value."""
    shown = [json.dumps(value) for value in values]
    return f"one of {', '.join(shown)}" if len(shown) > 1 else shown[0]


def format_integer(value: int) -> str:
    """A whole number in digits; in hexadecimal where Python limits the conversion."""
    return str(value) if value.bit_length() <= 64 else hex(value)


def quoted(text: str) -> str:
    """A text in double quotes, shortened, and in one printable line."""
    return escaped(_shortened(text))


def escaped(text: str) -> str:
    """A text in double quotes; what a terminal would not print is escaped as in TOML."""
    literal = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in literal)


def bare(kind: mi.Type) -> mi.Type:
    """The type without its metadata."""
    return kind.type if isinstance(kind, mi.Metadata) else kind


def _number(kind: mi.IntType | mi.FloatType) -> str:
    noun = "a whole number" if isinstance(kind, mi.IntType) else "a finite number"
    if kind.ge is not None and kind.le is not None:
        return f"{noun} from {kind.ge} to {kind.le}"
    limits = {"of at least": kind.ge, "above": kind.gt, "at most": kind.le, "below": kind.lt}
    words = [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    return f"{noun} {' and '.join(words)}" if words else noun


def _either(types: Sequence[mi.Type]) -> str:
    kinds = [kind for kind in types if not isinstance(kind, mi.NoneType)]
    words = []
    for kind in kinds:
        inner = bare(kind)
        of_these = isinstance(inner, mi.ListType) and inner.item_type in kinds
        words.append("a list of these" if of_these else expected(kind))
    *others, last = words
    return f"{', '.join(others)}, or {last}" if others else last


def _list(kind: mi.ListType | mi.VarTupleType) -> str:
    not_empty = _not_empty(kind.min_length)
    match bare(kind.item_type):
        case mi.StructType() | mi.DictType():
            return f"a list of tables{not_empty}"
        case mi.AnyType():
            return f"a list{not_empty}"
        case _:
            return f"a list{not_empty}, each entry {expected(kind.item_type)}"


def _description(kind: mi.Type) -> str | None:
    schema = kind.extra_json_schema if isinstance(kind, mi.Metadata) else None
    return (schema or {}).get("description")


def _not_empty(min_length: int | None) -> str:
    return " that is not empty" if min_length else ""


def _listed(keys: Iterable[str] | Mapping[str, Any]) -> str:
    shown = [quoted(key) for key in keys]
    return ", ".join(shown[:6]) + (", ..." if len(shown) > 6 else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
