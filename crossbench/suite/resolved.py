"""Tables without a fault to what a plan is made from: one target, scenario or text each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from crossbench.errors import SuiteError
from crossbench.suite.beside import background, quiet_of
from crossbench.suite.document import Document, Unreadable, absolute, read_text
from crossbench.suite.expand import Variant
from crossbench.suite.model import Prompt, Quality, Scenario, Target
from crossbench.suite.paths import located
from crossbench.suite.shape import load
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.tables.suite import QualityTable
from crossbench.suite.tables.target import TargetTable
from crossbench.suite.words import quoted


def target(document: Document, variant: Variant, table: TargetTable) -> Target:
    """One variant of a target's table."""
    artifact, replicas, *options = variant.values
    return Target(
        name=variant.name,
        base=variant.base,
        backend=table.backend,
        artifact=located(document, artifact),
        variant=table.variant,
        requires=tuple(table.requires),
        python=table.python and str(absolute(table.python, document.path.parent)),
        build=table.build,
        needs=table.needs,
        replicas=replicas,
        options={**table.options, **dict(zip(table.matrix, options, strict=True))},
    )


def scenario(
    variant: Variant,
    table: ScenarioTable,
    prompts: tuple[Prompt, ...],
    targets: Sequence[Target],
) -> Scenario:
    """One variant of a scenario's table, beside targets that are resolved already."""
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
        load=load(table, variant.name, concurrency, rate, prompts),
        background=background(beside, targets) if beside else None,
        quiet=quiet_of(variant) if beside else None,
    )


def quality(document: Document, table: QualityTable | None) -> Quality | None:
    """What targets are scored on, if on anything. Raises SuiteError for an unreadable text."""
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
