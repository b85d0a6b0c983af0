"""Reading a suite and planning it for this machine, before anything is built or started."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from crossbench import equipment, supplies
from crossbench.api import Needs
from crossbench.artifacts.canonical import canonical
from crossbench.artifacts.failure import ArtifactFailure
from crossbench.artifacts.overrides import overridden
from crossbench.artifacts.patience import Patience
from crossbench.envs.progress import Progress
from crossbench.errors import InputError
from crossbench.fit.target import target_fit
from crossbench.lint import rules
from crossbench.machine import facts, rooms
from crossbench.plan import build as planning
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from crossbench.prompts.book import PromptBook
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.registry import Registry
from crossbench.suite.load import load
from crossbench.suite.model import Suite
from crossbench.suite.schema import Profile

PATIENT, HURRIED = Patience(), Patience(tries=1, answer_s=2.0, deadline_s=2.5)
"""With the hub, by one who is about to measure and by one who only plans."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A suite understood and planned, and nothing started yet."""

    plan: Plan
    book: PromptBook | ArtifactFailure
    """Or why the tokenizer cannot be had now."""
    registry: Registry
    selection: Selection
    suite_text: str


def prepare(
    path: Path,
    *,
    profile: Profile | None,
    selection: Selection,
    progress: Progress,
    artifacts: Sequence[str] = (),
    patience: Patience = PATIENT,
) -> Prepared:
    """Read the suite and plan it for this machine; only its tokenizer may be fetched.

    `artifacts` are the user's, as TARGET=PATH; `patience` is had with the hub. Raises InputError.
    """
    suite = overridden(load(path, profile=profile), artifacts)
    registry = Registry()
    planning.check_options(path, suite, registry)
    book = open_book(suite, progress, patience)
    machine, places = facts.observe(), supplies.find(suite, selection)
    plan = planning.build(
        suite,
        registry=registry,
        machine=machine,
        equipment=equipment.find(suite, registry, selection),
        artifacts=places,
        book=book if isinstance(book, PromptBook) else None,
        selection=selection,
    )
    asked = Needs(context_tokens=_context_tokens(suite, book))
    free = rooms.observe(machine)
    fits = {
        target.name: target_fit(target, places.get(target.artifact), asked, free)
        for target in suite.targets
        if selection.takes("target", target)
    }
    plan = replace(plan, fits=fits)
    found = [*rules.findings(plan), *registry.findings(plan)]
    kept = tuple(finding for finding in found if finding.rule not in selection.ignored)
    plan = replace(plan, findings=kept)
    return Prepared(
        plan=plan,
        book=book,
        registry=registry,
        selection=selection,
        suite_text=_verbatim(path, suite),
    )


def open_book(suite: Suite, progress: Progress, patience: Patience) -> PromptBook | ArtifactFailure:
    """The suite's prompts, or why its tokenizer cannot be had now. Raises InputError."""
    artifacts = [target.artifact for target in suite.targets]
    try:
        folder = canonical(suite.model.tokenizer, artifacts, progress, patience=patience)
    except ArtifactFailure as failure:
        return failure
    return PromptBook(CanonicalTokenizer(folder), suite)


def _context_tokens(suite: Suite, book: PromptBook | ArtifactFailure) -> int:
    """The longest prompt plus output; without a tokenizer, of prompts whose length is written."""
    if isinstance(book, PromptBook):
        return book.context_tokens
    return max(
        (prompt.synthetic_tokens or 0) + scenario.output_tokens
        for scenario in suite.scenarios
        for prompt in scenario.prompts
    )


def had(book: PromptBook | ArtifactFailure) -> PromptBook:
    """The book. Raises ArtifactFailure where there is none."""
    if isinstance(book, ArtifactFailure):
        raise book
    return book


def _verbatim(path: Path, suite: Suite) -> str:
    """The bytes that were loaded, as text. Raises InputError when the file was changed since."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != suite.sha256:
        raise InputError(f"{path} was changed while it was read; try again")
    return data.decode()


def nothing(plan: Plan) -> str:
    """Why not a single target can run, target by target."""
    reasons = [f"  {item.target}: {item.word}: {item.reason}" for item in plan.exclusions]
    return "\n".join([f"nothing of suite {plan.suite.name} can run here", *reasons])
