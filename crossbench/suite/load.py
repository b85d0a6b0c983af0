"""A suite file to a `Suite`: read, validated, expanded, with all problems told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crossbench.errors import Problem, SuiteError
from crossbench.suite import resolved
from crossbench.suite.beside import background_faults, named_faults
from crossbench.suite.claims import claim_faults
from crossbench.suite.document import Document, absolute, read
from crossbench.suite.expand import Variant, option_faults, scenario_grid, target_grid, unroll
from crossbench.suite.model import Comparison, Prompt, Suite, Target
from crossbench.suite.paths import path_faults, tokenizer
from crossbench.suite.positions import KeyPath
from crossbench.suite.presets import protocol
from crossbench.suite.prompt_files import PromptReader
from crossbench.suite.rules import (
    baseline_faults,
    forced_faults,
    quality_faults,
    requirement_faults,
)
from crossbench.suite.shape import load_faults
from crossbench.suite.tables.protocol import Profile
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.tables.suite import SCHEMA, SuiteFile
from crossbench.suite.tables.target import TargetTable
from crossbench.suite.validate import Fault, faults
from crossbench.suite.words import format_integer

T = TypeVar("T")


class _Written(Struct, frozen=True, kw_only=True):
    """The tables of a suite without a fault, their prompts, and the variants they make."""

    targets: Mapping[KeyPath, TargetTable]
    scenarios: Mapping[KeyPath, ScenarioTable]
    prompts: Mapping[KeyPath, tuple[Prompt, ...]]
    columns: Sequence[Variant]
    rows: Sequence[Variant]


def load(path: Path, *, profile: Profile | None = None) -> Suite:
    """Load a suite; `profile` is the command line's and beats what the suite says.

    Raises SuiteError with every problem of the suite and of the prompt files it names.
    """
    document = read(path)
    _refuse_newer(document)
    written = _written(document)
    file = msgspec.convert(document.tables, SuiteFile)
    targets = tuple(
        resolved.target(document, each, written.targets[each.at]) for each in written.columns
    )
    _refuse_unknown_names(document, file, written, targets)
    return Suite(
        path=str(absolute(path.name, path.parent)),
        sha256=document.sha256,
        name=file.name,
        title=file.title,
        model=replace(file.model, tokenizer=tokenizer(document, file.model.tokenizer)),
        targets=targets,
        scenarios=tuple(
            resolved.scenario(each, written.scenarios[each.at], written.prompts[each.at], targets)
            for each in written.rows
        ),
        protocol=protocol(file.protocol, profile),
        quality=resolved.quality(document, file.quality),
        comparison=Comparison(axis=tuple(file.comparison.axis), baseline=file.comparison.baseline),
    )


def _refuse_newer(document: Document) -> None:
    """One problem instead of many: what a newer format allows is not known here."""
    version = document.tables.get("schema")
    if type(version) is int and version > SCHEMA:
        found = f"found {format_integer(version)}, which is newer than this crossbench"
        allowed = f"expected {SCHEMA}; update crossbench to read it"
        raise SuiteError([document.problem(("schema",), found, allowed)])


def _written(document: Document) -> _Written:
    """Raises SuiteError with every problem that can be seen in the tables."""
    wrong = faults(document.tables, SuiteFile)
    targets = _sound(document, "targets", TargetTable, wrong)
    scenarios = _sound(document, "scenarios", ScenarioTable, wrong)
    reader = PromptReader(document)
    prompts = {at: reader.prompts(at, table) for at, table in scenarios.items()}
    columns, column_faults = unroll(starmap(target_grid, targets.items()))
    rows, row_faults = unroll(starmap(scenario_grid, scenarios.items()))
    wrong += [
        *column_faults,
        *row_faults,
        *option_faults(targets),
        *requirement_faults({at: table.requires for at, table in targets.items()}),
        *forced_faults(scenarios),
        *load_faults(scenarios, prompts),
        *background_faults(scenarios),
        *path_faults(document, targets, wrong),
        *claim_faults(document, columns, rows, wrong),
    ]
    problems = reader.problems + [
        document.problem(fault.at, fault.found, fault.allowed) for fault in wrong
    ]
    if problems:
        raise SuiteError(_in_file_order(document, problems))
    return _Written(
        targets=targets, scenarios=scenarios, prompts=prompts, columns=columns, rows=rows
    )


def _sound(document: Document, key: str, kind: type[T], wrong: Iterable[Fault]) -> dict[KeyPath, T]:
    """The entries below `key` that have no fault, so that the others hide nothing of theirs."""
    spoiled = {fault.at[:2] for fault in wrong}
    if (key,) in spoiled:
        return {}
    tables = document.tables[key]
    entries = tables.items() if isinstance(tables, dict) else enumerate(tables)
    return {
        (key, part): msgspec.convert(entry, kind)
        for part, entry in entries
        if (key, part) not in spoiled
    }


def _refuse_unknown_names(
    document: Document, file: SuiteFile, written: _Written, targets: Sequence[Target]
) -> None:
    """One problem, where a table names a target or scenario that cannot be what it is to be."""
    named = {target.name for target in targets}
    for fault in (
        *quality_faults(file.quality, named),
        *baseline_faults(file.comparison, named),
        *named_faults(written.scenarios, targets, written.rows),
    ):
        raise SuiteError([document.problem(fault.at, fault.found, fault.allowed)])


def _in_file_order(document: Document, problems: list[Problem]) -> list[Problem]:
    """The suite's problems by line, then those of each prompt file by line."""
    files = [str(document.path), *(problem.file for problem in problems)]
    return sorted(problems, key=lambda problem: (files.index(problem.file), problem.line or 0))
