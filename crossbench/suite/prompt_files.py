"""A scenario's prompts, wherever they are written: in place, in a prompt file, in text files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from crossbench.errors import Problem, SuiteError
from crossbench.suite.document import Document, Unreadable, absolute, parse, read_text
from crossbench.suite.model import Prompt
from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.prompts import PromptFile, PromptTable
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.validate import faults
from crossbench.suite.words import quoted

_FORMS = ("messages", "text", "ids", "file")


class PromptReader:
    """Reads what scenarios name, each prompt file once, and keeps the problems it meets."""

    def __init__(self, suite: Document) -> None:
        self.problems: list[Problem] = []
        self._suite = suite
        self._files: dict[Path, tuple[Prompt, ...]] = {}

    def prompts(self, at: KeyPath, table: ScenarioTable) -> tuple[Prompt, ...]:
        """Prompts of the scenario at `at`; empty where they are synthetic or at fault."""
        if (table.prompts is None) == (table.prompt_tokens is None):
            found = "found neither" if table.prompts is None else "found both"
            self._tell(self._suite, at, found, "expected either prompts or prompt_tokens")
            return ()
        at = (*at, "prompts")
        if isinstance(table.prompts, str):
            return self._from_file(at, table.prompts)
        return self._resolved(self._suite, at, table.prompts or [])

    def _from_file(self, at: KeyPath, written: str) -> tuple[Prompt, ...]:
        try:
            path = _beside(self._suite, written)
            if path not in self._files:
                self._files[path] = self._parsed(path, read_text(path))
        except Unreadable as error:
            self._tell(self._suite, at, f"{error.found}: {quoted(written)}", error.allowed)
            return ()
        return self._files[path]

    def _parsed(self, path: Path, text: str) -> tuple[Prompt, ...]:
        try:
            document = parse(path, text)
        except SuiteError as error:
            self.problems += error.problems
            return ()
        wrong = faults(document.tables, PromptFile)
        if wrong:
            self.problems += [
                document.problem(fault.at, fault.found, fault.allowed) for fault in wrong
            ]
            return ()
        tables = msgspec.convert(document.tables, PromptFile).prompts
        return self._resolved(document, ("prompts",), tables)

    def _resolved(
        self, document: Document, at: KeyPath, tables: list[PromptTable]
    ) -> tuple[Prompt, ...]:
        prompts = (
            self._prompt(document, (*at, index), table) for index, table in enumerate(tables)
        )
        return tuple(prompt for prompt in prompts if prompt is not None)

    def _prompt(self, document: Document, at: KeyPath, table: PromptTable) -> Prompt | None:
        given = [form for form in _FORMS if getattr(table, form) is not None]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found an empty prompt"
            self._tell(document, at, found, f"expected exactly one of {', '.join(_FORMS)}")
            return None
        if table.file is not None:
            text = self._text(document, (*at, "file"), table.file)
            return Prompt(text=text) if text else None
        return Prompt(
            messages=tuple(table.messages) if table.messages else None,
            text=table.text,
            ids=tuple(table.ids) if table.ids else None,
        )

    def _text(self, document: Document, at: KeyPath, written: str) -> str | None:
        try:
            text = read_text(_beside(document, written))
        except Unreadable as error:
            self._tell(document, at, f"{error.found}: {quoted(written)}", error.allowed)
            return None
        if not text:
            self._tell(
                document, at, f"found an empty file: {quoted(written)}", "expected some text"
            )
        return text

    def _tell(self, document: Document, at: KeyPath, found: str, allowed: str) -> None:
        self.problems.append(document.problem(at, found, allowed))


def _beside(document: Document, written: str) -> Path:
    """A path that a document names, kept relative for messages. Raises Unreadable."""
    if written.startswith("~"):
        return absolute(written, document.path.parent)
    return document.path.parent / written
