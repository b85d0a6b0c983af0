"""Write the tables of keys in docs/suite.md, which are the suite's schema in words.

`python -m tools.suite_reference` rewrites the page; a test holds the page to the schema, and every
key to having a description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crossbench.suite.json_schema import json_schema

PAGE = Path(__file__).parents[1] / "docs" / "suite.md"
BEGIN = "<!-- The tables of keys: python -m tools.suite_reference -->"
END = "<!-- End of the tables -->"
ONE = {
    "boolean": "`true` or `false`",
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
}
MANY = {
    "array": "lists",
    "integer": "whole numbers",
    "number": "numbers",
    "object": "tables",
    "string": "texts",
}
Schema = Mapping[str, Any]


class Table(NamedTuple):
    """A TOML table and what may stand in it."""

    heading: str
    schema: Schema


class Key(NamedTuple):
    """One key of a table."""

    name: str
    takes: str
    default: str
    meaning: str


def page(text: str) -> str:
    """The page with its tables as the schema has them."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = "\n".join(_lines())
    return f"{head}{BEGIN}\n\n{made}\n{END}{tail}"


def tables() -> list[Table]:
    """Every table of the format, the file itself first, each before those inside of it."""
    whole = json_schema()
    definitions: Mapping[str, Schema] = whole["$defs"]
    found: dict[str, Table] = {}

    def visit(schema: Schema, heading: str, path: str) -> None:
        found[heading] = Table(heading, schema)
        for name, value in schema["properties"].items():
            for inner, below in _inside(value, f"{path}{name}"):
                visit(definitions[inner], below, below.strip("[]") + ".")

    visit(definitions[whole["$ref"].rpartition("/")[2]], "", "")
    return list(found.values())


def keys(table: Table) -> Iterator[Key]:
    """The keys of a table, as the schema tells them."""
    definitions = json_schema()["$defs"]
    required = table.schema.get("required", ())
    for name, value in table.schema["properties"].items():
        inner = next((each for each, _ in _inside(value, name)), None)
        told = value.get("description") or (definitions[inner]["description"] if inner else "")
        default = "required" if name in required else _default(value.get("default"))
        yield Key(name, _takes(value), default, " ".join(told.split()))


def _inside(value: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Definitions that a value refers to, with the heading of their table."""
    for kind in value.get("anyOf", [value]):
        if "$ref" in kind:
            yield kind["$ref"].rpartition("/")[2], f"[{path}]"
        elif "$ref" in kind.get("items", {}):
            yield kind["items"]["$ref"].rpartition("/")[2], f"[[{path}]]"
        elif "$ref" in _values(kind):
            yield _values(kind)["$ref"].rpartition("/")[2], f"[{path}.NAME]"


def _values(kind: Schema) -> Schema:
    """What the values of a mapping are, where there is one."""
    values = kind.get("additionalProperties")
    return values if isinstance(values, dict) else {}


def _takes(value: Schema) -> str:
    kinds = [kind for kind in value.get("anyOf", [value]) if kind.get("type") != "null"]
    return ", or ".join(dict.fromkeys(_kind(kind) for kind in kinds))


def _kind(kind: Schema) -> str:
    if "$ref" in kind:
        return "a table"
    if "enum" in kind:
        return ", ".join(f"`{json.dumps(each)}`" for each in kind["enum"])
    if "anyOf" in kind:
        return _takes(kind)
    match kind.get("type"):
        case "array":
            return f"a list of {_plural(kind['items'])}"
        case "object":
            values = _values(kind)
            return "tables" if "$ref" in values else f"a table of {_plural(values)}"
        case "string" if "pattern" in kind:
            return "a name"
    return ONE.get(kind.get("type", ""), "anything") + _bounds(kind)


def _plural(kind: Schema) -> str:
    if "$ref" in kind:
        return "tables"
    if "enum" in kind:
        return _kind(kind)
    return MANY.get(kind.get("type", ""), "values") + _bounds(kind)


def _bounds(kind: Schema) -> str:
    low, above, high = (kind.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    parts = [f"from {low:g}"] if low is not None else []
    parts += [f"above {above:g}"] if above is not None else []
    parts += [f"to {_number(high)}"] if high is not None else []
    return f" {' '.join(parts)}" if parts else ""


def _number(value: float) -> str:
    """Bounds that are powers of two are written as such."""
    whole = int(value) + 1
    if value > 10**9 and whole & (whole - 1) == 0:
        return f"2^{whole.bit_length() - 1} - 1"
    return f"{value:,g}".replace(",", "") if value < 10**6 else f"{int(value):,}".replace(",", " ")


def _default(value: object) -> str:
    if value is None or value in ([], {}) or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`"


def _lines() -> Iterator[str]:
    for table in tables():
        about = " ".join(table.schema["description"].split())
        yield f"### `{table.heading}`\n" if table.heading else "### The file itself\n"
        yield f"{about}\n"
        yield "| key | takes | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for key in keys(table):
            yield f"| `{key.name}` | {key.takes} | {key.default} | {_cell(key.meaning)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
