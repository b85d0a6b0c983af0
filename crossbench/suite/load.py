"""A suite file to a `Suite`: read, validated, expanded, with all problems told at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crossbench.artifacts.reference import BadReference, Local, parse
from crossbench.errors import Problem, SuiteError
from crossbench.suite.beside import background, background_faults, named_faults, quiet_of
from crossbench.suite.document import Document, Unreadable, absolute, read, read_text
from crossbench.suite.expand import (
    Variant,
    listed,
    option_faults,
    scenario_grid,
    target_grid,
    unroll,
)
from crossbench.suite.model import Comparison, Prompt, Protocol, Quality, Scenario, Suite, Target
from crossbench.suite.names import Claim, name_faults
from crossbench.suite.positions import KeyPath
from crossbench.suite.prompt_files import PromptReader
from crossbench.suite.rules import (
    baseline_faults,
    forced_faults,
    quality_faults,
    requirement_faults,
)
from crossbench.suite.schema import (
    SCHEMA,
    Profile,
    ProtocolTable,
    QualityTable,
    ScenarioTable,
    SuiteFile,
    TargetTable,
)
from crossbench.suite.shape import load as level
from crossbench.suite.shape import load_faults
from crossbench.suite.validate import Fault, faults
from crossbench.suite.words import format_integer, quoted

_OF_ARTIFACT = "artifact"
"""The tokenizer that a GGUF carries."""

T = TypeVar("T")


class _Preset(Struct, frozen=True):
    launches: int
    repeats: int
    warmups: int
    burn_in: int
    sentinel: bool
    energy: bool


PRESETS: dict[Profile, _Preset] = {
    "quick": _Preset(launches=1, repeats=3, warmups=1, burn_in=0, sentinel=False, energy=False),
    "default": _Preset(launches=4, repeats=3, warmups=3, burn_in=1, sentinel=True, energy=True),
    "publish": _Preset(launches=6, repeats=5, warmups=3, burn_in=1, sentinel=True, energy=True),
}


def load(path: Path, *, profile: Profile | None = None) -> Suite:
    """Load a suite; `profile` is the command line's and beats what the suite says.

    Raises SuiteError with every problem of the suite and of the prompt files it names.
    """
    document = read(path)
    _refuse_newer(document)
    wrong = faults(document.tables, SuiteFile)
    target_tables = _sound(document, "targets", TargetTable, wrong)
    scenario_tables = _sound(document, "scenarios", ScenarioTable, wrong)
    reader = PromptReader(document)
    prompts = {at: reader.prompts(at, table) for at, table in scenario_tables.items()}
    targets, target_faults = unroll(starmap(target_grid, target_tables.items()))
    scenarios, scenario_faults = unroll(starmap(scenario_grid, scenario_tables.items()))
    wrong += [
        *target_faults,
        *scenario_faults,
        *option_faults(target_tables),
        *requirement_faults({at: table.requires for at, table in target_tables.items()}),
        *forced_faults(scenario_tables),
        *load_faults(scenario_tables, prompts),
        *background_faults(scenario_tables),
        *_path_faults(document, target_tables, wrong),
        *_name_faults(document, targets, scenarios, wrong),
    ]
    problems = reader.problems + [
        document.problem(fault.at, fault.found, fault.allowed) for fault in wrong
    ]
    if problems:
        raise SuiteError(_in_file_order(document, problems))
    file = msgspec.convert(document.tables, SuiteFile)
    named = {variant.name for variant in targets}
    made = tuple(_target(document, v, target_tables[v.at]) for v in targets)
    for fault in (
        *quality_faults(file.quality, named),
        *baseline_faults(file.comparison, named),
        *named_faults(scenario_tables, made, scenarios),
    ):
        raise SuiteError([document.problem(fault.at, fault.found, fault.allowed)])
    return Suite(
        path=str(absolute(path.name, path.parent)),
        sha256=document.sha256,
        name=file.name,
        title=file.title,
        model=replace(file.model, tokenizer=_tokenizer(document, file.model.tokenizer)),
        targets=made,
        scenarios=tuple(
            _scenario(v, scenario_tables[v.at], prompts[v.at], made) for v in scenarios
        ),
        protocol=_protocol(file.protocol, profile),
        quality=_quality(document, file.quality),
        comparison=Comparison(axis=tuple(file.comparison.axis), baseline=file.comparison.baseline),
    )


def _refuse_newer(document: Document) -> None:
    """One problem instead of many: what a newer format allows is not known here."""
    version = document.tables.get("schema")
    if type(version) is int and version > SCHEMA:
        found = f"found {format_integer(version)}, which is newer than this crossbench"
        allowed = f"expected {SCHEMA}; update crossbench to read it"
        raise SuiteError([document.problem(("schema",), found, allowed)])


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


def _name_faults(
    document: Document,
    targets: Iterable[Variant],
    scenarios: Iterable[Variant],
    wrong: Iterable[Fault],
) -> list[Fault]:
    """Names as written, also those of tables with other faults, then what expansion makes."""
    spoiled = {fault.at for fault in wrong}
    rooms = [
        [*_written_names(document, room, spoiled), *_expanded_names(variants)]
        for room, variants in (("targets", targets), ("scenarios", scenarios))
    ]
    if ("name",) not in spoiled:
        rooms.append([Claim(("name",), document.tables["name"])])
    return [fault for claims in rooms for fault in name_faults(claims, document.positions)]


def _written_names(document: Document, room: str, spoiled: Collection[KeyPath]) -> Iterator[Claim]:
    tables = [] if (room,) in spoiled else document.tables[room]
    names: Iterable[tuple[KeyPath, str]]
    if isinstance(tables, dict):
        names = (((room, name), name) for name in tables)
    else:
        named = (
            (index, table)
            for index, table in enumerate(tables)
            if isinstance(table, dict) and "name" in table
        )
        names = (((room, index, "name"), table["name"]) for index, table in named)
    return (Claim(at, name) for at, name in names if at not in spoiled)


def _expanded_names(variants: Iterable[Variant]) -> Iterator[Claim]:
    return (Claim(v.name_at, v.name) for v in variants if v.name != v.base)


def _path_faults(
    document: Document, tables: Mapping[KeyPath, TargetTable], wrong: Iterable[Fault]
) -> Iterator[Fault]:
    """Paths that cannot be made absolute. Whether anything is there, the plan finds out."""
    paths: list[tuple[KeyPath, str]] = [
        ((*at, "artifact"), path) for at, table in tables.items() for path in listed(table.artifact)
    ]
    paths += [((*at, "python"), table.python) for at, table in tables.items() if table.python]
    if ("model",) not in [fault.at[:1] for fault in wrong]:
        paths.append((("model", "tokenizer"), document.tables["model"]["tokenizer"]))
    for at, path in paths:
        try:
            if isinstance(parse(path), Local):
                absolute(path, document.path.parent)
        except (BadReference, Unreadable) as error:
            yield Fault(at, error.found, error.allowed)


def _target(document: Document, variant: Variant, table: TargetTable) -> Target:
    artifact, replicas, *options = variant.values
    return Target(
        name=variant.name,
        base=variant.base,
        backend=table.backend,
        artifact=_located(document, artifact),
        variant=table.variant,
        requires=tuple(table.requires),
        python=table.python and str(absolute(table.python, document.path.parent)),
        build=table.build,
        needs=table.needs,
        replicas=replicas,
        options={**table.options, **dict(zip(table.matrix, options, strict=True))},
    )


def _scenario(
    variant: Variant,
    table: ScenarioTable,
    prompts: tuple[Prompt, ...],
    targets: Sequence[Target],
) -> Scenario:
    prompt_tokens, output_tokens, disturbed, concurrency, rate = variant.values
    beside = table.background if disturbed else None
    prompts = prompts or (Prompt(synthetic_tokens=prompt_tokens),)
    return Scenario(
        name=variant.name,
        base=variant.base,
        prompts=prompts,
        output_tokens=output_tokens,
        natural=table.natural,
        forced=table.forced,
        sampling=table.sampling,
        load=level(table, variant.name, concurrency, rate, prompts),
        background=background(beside, targets) if beside else None,
        quiet=quiet_of(variant) if beside else None,
    )


def _quality(document: Document, table: QualityTable | None) -> Quality | None:
    """Raises SuiteError where the text cannot be read."""
    if table is None:
        return None
    at = ("quality", "text")
    try:
        path = absolute(table.text, document.path.parent)
        text = read_text(path)
    except Unreadable as error:
        problem = document.problem(at, f"{error.found}: {quoted(table.text)}", error.allowed)
        raise SuiteError([problem]) from None
    return Quality(
        text=str(path),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        window=table.window,
        windows=table.windows,
        reference=table.reference,
    )


def _protocol(table: ProtocolTable, profile: Profile | None) -> Protocol:
    preset = PRESETS[profile or table.profile]
    written = ProtocolTable() if profile else table
    return Protocol(
        profile=profile or table.profile,
        launches=preset.launches if written.launches is None else written.launches,
        repeats=preset.repeats if written.repeats is None else written.repeats,
        warmups=preset.warmups if written.warmups is None else written.warmups,
        burn_in=preset.burn_in if written.burn_in is None else written.burn_in,
        sentinel=preset.sentinel if written.sentinel is None else written.sentinel,
        energy=preset.energy if written.energy is None else written.energy,
        cool_down_s=table.cool_down_s,
        start_below_c=table.start_below_c,
        seed=table.seed,
        deadlines=table.deadlines,
    )


def _tokenizer(document: Document, written: str) -> str:
    return written if written == _OF_ARTIFACT else _located(document, written)


def _located(document: Document, written: str) -> str:
    """A model's path made absolute; what is not a path stays. Raises Unreadable."""
    if not isinstance(parse(written), Local):
        return written
    return str(absolute(written, document.path.parent))


def _in_file_order(document: Document, problems: list[Problem]) -> list[Problem]:
    """The suite's problems by line, then those of each prompt file by line."""
    files = [str(document.path), *(problem.file for problem in problems)]
    return sorted(problems, key=lambda problem: (files.index(problem.file), problem.line or 0))
