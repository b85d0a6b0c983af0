"""Where each key of a TOML text stands, because tomli tells no positions of values.

The text must be one that tomli has accepted: nothing is checked here, only followed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TypeAlias

import tomli

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the document's root; an integer is the index of a list's entry."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'  # a multi-line string may end in up to two quotes
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)


class Positions:
    """Lines of one document's keys, counted from 1."""

    def __init__(self, root: _Node) -> None:
        self._root = root

    def line(self, path: KeyPath) -> int:
        """Line of the key at `path`, or of its nearest enclosing key that was written."""
        node = self._root
        for key in path:
            if key not in node.children:
                break
            node = node.children[key]
        return node.line


class _Node:
    """One key: its line and what lies below it."""

    __slots__ = ("children", "is_table_list", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.children: dict[str | int, _Node] = {}
        self.is_table_list = False

    def child(self, key: str | int, line: int) -> _Node:
        return self.children.setdefault(key, _Node(line))

    def table(self, key: str, line: int) -> _Node:
        """The table that a header's part means: of a list of tables, its last entry."""
        node = self.child(key, line)
        return node.children[len(node.children) - 1] if node.is_table_list else node


def scan(text: str) -> Positions:
    """Positions of every key in a valid TOML text. Raises RecursionError where it nests deeply."""
    return Positions(_Scanner(text).document())


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.newlines = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> _Node:
        root = table = _Node(1)
        while self.peek_after_blank():
            if self.text[self.pos] == "[":
                table = self.header(root)
            else:
                self.pair(table)
        return root

    def header(self, root: _Node) -> _Node:
        line = self.line()
        opened = self.match(re.compile(r"\[+"))
        *parents, last = self.keys()
        self.pos += len(opened)
        table = root
        for key in parents:
            table = table.table(key, line)
        if opened == "[":
            table = table.table(last, line)
            table.line = line
            return table
        tables = table.child(last, line)
        tables.is_table_list = True
        return tables.child(len(tables.children), line)

    def pair(self, table: _Node) -> None:
        line = self.line()
        node = table
        for key in self.keys():
            node = node.child(key, line)
        self.pos += len("=")
        self.match(_SPACE)
        self.value(node)

    def keys(self) -> list[str]:
        """The parts of a dotted key, up to what follows it."""
        keys = []
        while True:
            self.match(_SPACE)
            keys.append(self.key())
            self.match(_SPACE)
            if self.text[self.pos] != ".":
                return keys
            self.pos += len(".")

    def key(self) -> str:
        if self.text[self.pos] not in "\"'":
            return self.match(_BARE_KEY)
        quoted = self.match(_STRING)
        return str(tomli.loads(f"key = {quoted}")["key"]) if "\\" in quoted else quoted[1:-1]

    def value(self, node: _Node) -> None:
        first = self.text[self.pos]
        if first == "[":
            self.array(node)
        elif first == "{":
            self.inline_table(node)
        else:
            self.match(_STRING if first in "\"'" else _SCALAR)

    def array(self, node: _Node) -> None:
        self.pos += len("[")
        index = 0
        while self.peek_after_blank() != "]":
            line = self.line()
            # An entry on its list's own line needs no node: looking it up ends at the list.
            shares_line = line == node.line and self.text[self.pos] not in "[{"
            self.value(node if shares_line else node.child(index, line))
            index += 1
            self.skip_comma()
        self.pos += len("]")

    def inline_table(self, node: _Node) -> None:
        self.pos += len("{")
        while self.peek_after_blank() != "}":
            self.pair(node)
            self.skip_comma()
        self.pos += len("}")

    def skip_comma(self) -> None:
        if self.peek_after_blank() == ",":
            self.pos += len(",")

    def peek_after_blank(self) -> str:
        self.match(_BLANK)
        return self.text[self.pos : self.pos + 1]

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.pos)
        assert found is not None, f"not the TOML that tomli read, at {self.pos}"
        self.pos = found.end()
        return found.group()

    def line(self) -> int:
        return bisect_right(self.newlines, self.pos) + 1
