"""Lines of keys in documents whose lines are known because they are written here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from crossbench.suite.positions import KeyPath, scan

SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "0xdead_beef",
        "nan",
        "true",
        "1979-05-27 07:32:00Z",
        "07:32:00",
        '""',
        "''",
        '"a # no comment, [no list] {no table} = \\" \\\\"',
        "'C:\\'",
        '"""one line"""',
        '""""two quotes"" and three at the end"""""',
        '"""\n# no comment\n[no.header]\nno = "pair"\n\\"""\\\n   """',
        "'''\n]]\n''''",
        "'''\\'''",
    ]
)
BLANKS = st.sampled_from(["", " ", "\t", "\n", " # ] } = \n", "\n\n\t#\n "])
KEYS = st.sampled_from(
    [
        ("k{}", "k{}"),
        ("-{}-", "-{}-"),
        ('"dotted.k{}"', "dotted.k{}"),
        ('"]={{#k{}"', "]={{#k{}"),
        ("'\"{}'", '"{}'),
        ('"\\u00e9\\"{}"', 'é"{}'),
        ('"é{}"', "é{}"),
    ]
)


class Author:
    """Writes valid TOML by random choices and notes each key's line; keys are never reused."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.count = 0
        self.lines: dict[KeyPath, int] = {}

    def write(self, text: str) -> None:
        self.text += text

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def key(self) -> tuple[str, str]:
        self.count += 1
        written, meant = self.draw(KEYS)
        return written.format(self.count), meant.format(self.count)

    def dotted(self, at: KeyPath, parts: int) -> KeyPath:
        for index in range(parts):
            written, meant = self.key()
            at = (*at, meant)
            self.note(at)
            self.write((self.draw(st.sampled_from([".", " .\t"])) if index else "") + written)
        return at

    def pair(self, at: KeyPath, depth: int) -> None:
        path = self.dotted(at, self.draw(st.integers(1, 3)))
        self.write(self.draw(st.sampled_from(["=", " = "])))
        self.value(path, depth)

    def value(self, at: KeyPath, depth: int) -> None:
        kind = self.draw(st.sampled_from(["scalar", "list", "table"] if depth else ["scalar"]))
        if kind == "scalar":
            self.write(self.draw(SCALARS))
            return
        opened, closed = "[]" if kind == "list" else "{}"
        self.write(opened)
        size = self.draw(st.integers(0, 3))
        for index in range(size):
            self.write(self.draw(BLANKS))
            if kind == "list":
                self.note((*at, index))
                self.value((*at, index), depth - 1)
            else:
                self.pair(at, depth - 1)
            last = index == size - 1
            self.write(self.draw(BLANKS) + ("" if last and self.draw(st.booleans()) else ","))
        self.write(self.draw(BLANKS) + closed)

    def body(self, at: KeyPath) -> None:
        for _ in range(self.draw(st.integers(0, 2))):
            self.write(self.draw(BLANKS))
            self.pair(at, depth=2)
            self.write(self.draw(st.sampled_from(["\n", " # = [\n", "\n\n"])))

    def table(self) -> None:
        self.write(self.draw(st.sampled_from(["[", "[ "])))
        at = self.dotted((), self.draw(st.integers(1, 3)))
        self.write("]\n")
        self.body(at)

    def list_of_tables(self) -> None:
        """`[[a]]` several times, each with `[a.b]`, `[[a.c]]` and `[[a.c]]` below it."""
        (name, at), (table, table_at), (inner, inner_at) = self.key(), self.key(), self.key()
        self.note((at,))
        for index in range(self.draw(st.integers(1, 3))):
            self.note((at, index))
            self.write(f"[[{name}]]\n")
            self.body((at, index))
            self.note((at, index, table_at))
            self.write(f"[{name} . {table}] # below\n")
            self.body((at, index, table_at))
            self.note((at, index, inner_at))
            for below in range(2):
                self.note((at, index, inner_at, below))
                self.write(f"[[ {name}.{inner} ]]\n")
                self.body((at, index, inner_at, below))


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    author = Author(draw)
    author.body(())
    for _ in range(draw(st.integers(0, 4))):
        draw(st.sampled_from([author.table, author.list_of_tables]))()
    return author.text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), author.lines


def paths(value: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in below:
        yield (*at, key)
        if isinstance(entry, dict | list):
            yield from paths(entry, (*at, key))


@given(documents())
def test_every_path_that_tomli_reads_has_the_line_it_was_written_in(
    document: tuple[str, dict[KeyPath, int]],
) -> None:
    text, lines = document
    positions = scan(text)
    assert {path: positions.line(path) for path in paths(tomli.loads(text))} == lines


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("a",), 4),
        (("a", "b"), 2),
        (("a", "b", "c"), 2),
        (("a", "b", "c", "x"), 3),
        (("a", "b", "c", "missing", 3), 2),
        (("a", "x", 5), 5),
        (("missing",), 1),
    ],
)
def test_a_header_of_its_own_is_a_tables_line_and_a_missing_key_has_its_tables(
    path: KeyPath, line: int
) -> None:
    assert scan("\n[a.b.c]\nx = 1\n[a]\nx = [1,\n2]\n").line(path) == line


def test_a_long_document_takes_no_longer_than_its_length() -> None:
    text = "".join(f"[[rows]]\nids = [{'1, ' * 100}]\n" for _ in range(4000))
    assert scan(text).line(("rows", 3999, "ids", 99)) == 8000
