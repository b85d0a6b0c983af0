"""The Jinja environment of chat templates: Hugging Face's dialect, with bounds.

A chat template arrives with a downloaded model, so it is a stranger's program. Jinja's immutable
sandbox keeps it from Python's internals and from changing what it is given. The bounds keep it
from running on: Jinja itself refuses a `range` of more than 100,000; here every turn of a loop,
every call and every filter costs a step (a large result costs more), and texts, lists and numbers
have a largest size. Steps and not seconds, so that a slow machine renders what a fast one does.
They stop runaway templates, by accident or simple malice; they are no memory quota.

The dialect (documented under "Chat templates" in transformers): `trim_blocks`, `lstrip_blocks`,
`break` and `continue`, `raise_exception`, `strftime_now`, `tojson` without HTML escaping, and
`{% generation %}`, which marks the assistant's words for training and changes nothing here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

FROZEN_CLOCK = datetime(2025, 1, 1, 12, 0, 0, tzinfo=UTC)
"""What `strftime_now` tells, so that a prompt has the same ids on every day."""
MAX_STEPS = 200_000
MAX_SIZE = 8_000_000
"""Characters of a text, or items of a list: far above the longest context of any model."""
MAX_BITS = 1024
"""Of an integer."""


class _Bounds(NodeTransformer):
    """Rewrites a template so that its loops, joined texts and captured blocks pass a filter."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "metered")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "join")

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.filter = nodes.Filter(node.filter, "string", [], [], None, None, lineno=node.lineno)
        return node


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class _Generation(Extension):
    tags = {"generation"}  # noqa: RUF012  (Jinja declares it so)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class ChatSandbox(ImmutableSandboxedEnvironment):
    """One template's environment; `rewind` gives it its steps back before each rendering."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,  # a loop over a constant would be spared its steps
            extensions=[_Generation, "jinja2.ext.loopcontrols"],
        )
        self.filters["tojson"] = _tojson
        self.filters = {name: self._bounded(call) for name, call in self.filters.items()}
        self.filters["metered"] = self._metered
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = FROZEN_CLOCK.strftime
        self.rewind()

    def rewind(self) -> None:
        """Forget the steps spent so far."""
        self._steps = MAX_STEPS

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        _Bounds().visit(template)
        return template

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Refuse at once; Jinja's own answer prints as nothing until it is used."""
        raise SecurityError(f"access to {attribute!r} of a {type(obj).__name__} is not allowed")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a function, method or macro, at the price of a step."""
        if isinstance(getattr(__obj, "__self__", None), str):
            __self._admit(args, kwargs)
        return __self._weigh(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator whose result may be far larger than its operands."""
        if operator == "**" and not _is_small_power(left, right):
            raise TemplateError(f"{left!r} ** {right!r} is larger than a template may compute")
        if operator == "*" and _product_size(left, right) > MAX_SIZE:
            raise TemplateError(f"a template may hold {MAX_SIZE:,} characters or items, not more")
        return self._weigh(super().call_binop(context, operator, left, right))

    def _metered(self, items: Iterable[Any]) -> Iterable[Any]:
        sized = items if hasattr(items, "__len__") else list(islice(items, MAX_STEPS + 1))
        self._spend(len(sized))  # type: ignore[arg-type]
        return sized

    def _bounded(self, filter_: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(filter_)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            self._admit(args[1:], kwargs)
            return self._weigh(filter_(*args, **kwargs))

        return bounded

    def _admit(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse what may be a width: padding to it would take the memory before it is weighed."""
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, int) and argument > MAX_SIZE:
                raise TemplateError(f"the number {argument!r} is larger than a text may be")

    def _weigh(self, value: Any) -> Any:
        """Hand a result on if it is small enough, and spend what it costs."""
        size = len(value) if isinstance(value, (str, list, tuple, dict)) else 0
        if size > MAX_SIZE:
            raise TemplateError(f"a template may hold {MAX_SIZE:,} characters or items, not more")
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise TemplateError(f"a template may hold numbers of {MAX_BITS} bits, not more")
        self._spend(1 + size // (1000 if isinstance(value, str) else 10))
        return value

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TemplateError(f"it was stopped after {MAX_STEPS:,} steps of loops and calls")


def _is_small_power(left: Any, right: Any) -> bool:
    if not (isinstance(left, int) and isinstance(right, int)):
        return True
    return left.bit_length() * max(right, 0) <= MAX_BITS


def _product_size(left: Any, right: Any) -> int:
    for text, times in ((left, right), (right, left)):
        if isinstance(text, (str, list, tuple)) and isinstance(times, int):
            return len(text) * times
    return 0


def _raise_exception(message: object) -> NoReturn:
    raise TemplateError(str(message))


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
