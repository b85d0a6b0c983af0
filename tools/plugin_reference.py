"""Write the reference of hooks and types in docs/plugins.md, read from the code's own words.

`python -m tools.plugin_reference` rewrites the page; a test holds the page to `crossbench.api` and
`crossbench.hookspecs`, and everything public there to having a description.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from crossbench import api, hookspecs, vocabulary

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
BEGIN = "<!-- The reference: python -m tools.plugin_reference -->"
END = "<!-- End of the reference -->"
HEADLESS = {"Struct", "Protocol", "Enum", "Exception"}
"""Bases that the kind of a class is told by."""


class Part(NamedTuple):
    """A field, a member or a method of a type."""

    signature: str
    meaning: str


class Entry(NamedTuple):
    """Something public of the contract."""

    name: str
    kind: str
    meaning: str
    parts: Sequence[Part] = ()


def page(text: str) -> str:
    """The page with its reference as the code has it."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = "\n".join(_lines())
    return f"{head}{BEGIN}\n\n{made}\n{END}{tail}"


def hooks() -> list[Entry]:
    """The hooks, in the order of the code."""
    (specs,) = (each for each in _tree(hookspecs).body if isinstance(each, ast.ClassDef))
    return [
        Entry(each.name, "hook", _doc(each), [Part(_signature(each), "")])
        for each in specs.body
        if isinstance(each, ast.FunctionDef)
    ]


def sections() -> Iterator[tuple[str, list[Entry]]]:
    """Headings of the contract with what stands under each, in the order of the code."""
    source = inspect.getsource(api).splitlines()
    public = set(api.__all__)
    found: dict[str, list[Entry]] = {}
    for entry, line in _entries(_tree(api)):
        if entry.name in public:
            found.setdefault(_heading(source, line), []).append(entry)
    yield from found.items()
    told = vocabulary.tokenizer_json_tokens
    doc = " ".join((inspect.getdoc(told) or "").split())
    signature = f"{told.__name__}{inspect.signature(told)}".replace("'", "")
    yield "Helping", [Entry(told.__name__, "function", doc, [Part(signature, "")])]


def _entries(tree: ast.Module) -> Iterator[tuple[Entry, int]]:
    for at, node in enumerate(tree.body):
        match node:
            case ast.ClassDef():
                yield Entry(node.name, _kind(node), _doc(node), list(_parts(node))), node.lineno
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                meaning = _told(tree.body, at)
                yield Entry(name, "alias", meaning, [Part(ast.unparse(value), "")]), node.lineno
            case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
                value = getattr(api, name)
                yield Entry(name, "constant", f"`{value!r}`"), node.lineno


def _kind(node: ast.ClassDef) -> str:
    bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
    base = next((each for each in bases if each in HEADLESS), bases[0])
    words = {"Struct": "struct", "Protocol": "protocol", "Enum": "enum", "Exception": "exception"}
    return words.get(base, f"kind of `{base}`")


def _parts(node: ast.ClassDef) -> Iterator[Part]:
    for at, child in enumerate(node.body):
        match child:
            case ast.AnnAssign(target=ast.Name(id=name)):
                default = f" = {ast.unparse(child.value)}" if child.value else ""
                yield Part(
                    f"{name}: {ast.unparse(child.annotation)}{default}", _told(node.body, at)
                )
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield Part(f"{name} = {ast.unparse(child.value)}", _told(node.body, at))
            case ast.FunctionDef():
                yield Part(_signature(child), _doc(child))


def _signature(node: ast.FunctionDef) -> str:
    given = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    return f"{node.name}({given}) -> {ast.unparse(node.returns) if node.returns else 'None'}"


def _doc(node: ast.ClassDef | ast.FunctionDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split())


def _told(body: Sequence[ast.stmt], at: int) -> str:
    """The string that stands below an assignment."""
    match body[at + 1 : at + 2]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return " ".join(text.split())
    return ""


def _heading(source: Sequence[str], line: int) -> str:
    """The comment that opens the part of the module in which a line stands."""
    for text in reversed(source[:line]):
        if text.startswith("# "):
            return text.removeprefix("# ")
    return "The contract's version"


def _tree(module: object) -> ast.Module:
    return ast.parse(inspect.getsource(module))  # type: ignore[arg-type]  # a module


def _lines() -> Iterator[str]:
    yield "### Hooks\n"
    for hook in hooks():
        yield f"- `{hook.parts[0].signature}`: {hook.meaning}"
    yield ""
    for heading, entries in sections():
        yield f"### {heading}\n"
        for entry in entries:
            yield from _shown(entry)


def _shown(entry: Entry) -> Iterator[str]:
    about = f": {entry.meaning}" if entry.meaning else ""
    if entry.kind in ("alias", "function"):
        yield f"**`{entry.name}`** ({entry.kind}): `{entry.parts[0].signature}`. {entry.meaning}\n"
        return
    yield f"**`{entry.name}`** ({entry.kind}){about}\n"
    for part in entry.parts:
        yield f"- `{part.signature}`" + (f": {part.meaning}" if part.meaning else "")
    if entry.parts:
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
