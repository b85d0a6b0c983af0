"""Whether "package.module:Name" names something, found out without importing it.

A module is read and not run: the host has no engine that it could import. What cannot be told by
reading (a compiled module, names made at run time) is believed.
"""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path

DYNAMIC = {"*", "__getattr__"}
"""Names by which a module may have what its text does not show."""
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError, SystemError)
"""What Python's parser raises, the last three for text that is nested too deeply."""


def is_reference(text: object) -> bool:
    """Whether it is written as "package.module:Name"."""
    return (
        isinstance(text, str)
        and text.count(":") == 1
        and all(part.isidentifier() for part in text.replace(":", ".").split("."))
    )


def missing(text: str) -> str | None:
    """What of a reference is not there, or None."""
    module, _, name = text.partition(":")
    top, *rest = module.split(".")
    found = _top(top)
    if found is None:
        return f"there is no package {top!r}"
    file = _file(found, rest)
    if file is None:
        return f"there is no module {module!r}"
    if file.suffix != ".py":
        return None
    try:
        names = set(_bound(_parsed(file.read_bytes())))
    except UNREADABLE as error:
        return f"module {module!r} cannot be read: {type(error).__name__}: {error}"
    return None if names & {name, *DYNAMIC} else f"module {module!r} has no {name!r}"


def _parsed(text: bytes) -> ast.Module:
    """Its tree; what the parser finds ill style in a stranger's text, our user need not hear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _file(found: ModuleSpec, rest: list[str]) -> Path | None:
    """The file of a module below a package that was found."""
    if not rest:
        return Path(found.origin) if found.origin else None
    for place in found.submodule_search_locations or ():
        path = Path(place).joinpath(*rest)
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.exists():
                return file
        for suffix in EXTENSION_SUFFIXES:
            if (file := path.with_name(path.name + suffix)).exists():
                return file
    return None


def _bound(tree: ast.AST) -> Iterator[str]:
    """Names that a module binds outside its functions and classes."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case _:
                yield from _bound(node)
