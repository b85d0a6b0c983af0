"""The chat template: messages to the very text that the model was trained to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jinja2.meta
from jinja2 import TemplateError, TemplateSyntaxError

from crossbench.errors import InputError
from crossbench.prompts.folder import SPECIAL_TOKENS
from crossbench.prompts.sandbox import MAX_SIZE, ChatSandbox
from crossbench.suite.tables.prompts import Message

Argument = bool | int | float | str

GIVEN = ("messages", "tools", "documents", "add_generation_prompt")
"""Variables that every template is given, as Hugging Face gives them."""


class ChatTemplate:
    """A Jinja template of Hugging Face's dialect, rendered in a sandbox under a frozen clock."""

    def __init__(self, origin: str, source: str) -> None:
        """Compile it; `origin` names it in errors. Raises InputError where it does not parse."""
        self.origin = origin
        self.source = source
        self._sandbox = ChatSandbox()
        try:
            self._variables = jinja2.meta.find_undeclared_variables(self._sandbox.parse(source))
            self._template = self._sandbox.from_string(source)
        except TemplateSyntaxError as error:
            raise self._failure(f"line {error.lineno}: {error.message}") from None
        except Exception as error:  # noqa: BLE001  (a stranger's program may fail in any way)
            raise self._failure(_cause(error)) from None

    def render(
        self,
        messages: Sequence[Message],
        arguments: Mapping[str, Argument],
        special_tokens: Mapping[str, str],
    ) -> str:
        """The conversation as text, up to where the assistant begins to speak.

        Raises InputError where the template refuses the messages, breaks, runs on or leaves its
        sandbox, and where it has no use for an argument.
        """
        self._check(arguments)
        variables: dict[str, object] = {**special_tokens, **arguments}
        variables |= {"tools": None, "documents": None, "add_generation_prompt": True}
        variables["messages"] = [
            {"role": message.role, "content": message.content} for message in messages
        ]
        self._sandbox.rewind()
        try:
            return self._bounded(variables)
        except Exception as error:  # noqa: BLE001  (a stranger's program may fail in any way)
            raise self._failure(_cause(error)) from None

    def _bounded(self, variables: Mapping[str, object]) -> str:
        parts: list[str] = []
        size = 0
        for part in self._template.generate(variables):
            size += len(part)
            if size > MAX_SIZE:
                raise TemplateError(f"it was stopped after {MAX_SIZE:,} characters")
            parts.append(part)
        return "".join(parts)

    def _check(self, arguments: Mapping[str, Argument]) -> None:
        for name in arguments:
            if name in GIVEN:
                raise InputError(
                    f"template_args.{name}: crossbench gives this to every chat template; "
                    "remove it from the suite"
                )
            if name not in self._variables:
                known = sorted(self._variables.difference(GIVEN, SPECIAL_TOKENS))
                raise InputError(
                    f"template_args.{name}: {self.origin} does not read it; it reads "
                    f"{', '.join(known) or 'no arguments'}"
                )

    def _failure(self, cause: str) -> InputError:
        return InputError(
            f"chat template of {self.origin}: {cause}; change the messages, or give the prompt as "
            "text or ids"
        )


def _cause(error: Exception) -> str:
    """One line of a rendering error; a template's own words stand alone."""
    text = " ".join(str(error).split())
    if isinstance(error, TemplateError):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
