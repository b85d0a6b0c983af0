"""Reading a suite and planning it for this machine, before anything is built or started."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from crossbench.api import Needs
from crossbench.artifacts.canonical import canonical
from crossbench.artifacts.overrides import overridden
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.whereabouts import Absent, Fetchable, Present, Whereabouts
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure, InputError, Unreachable
from crossbench.fit.target import target_fit
from crossbench.lint import rules
from crossbench.machine import facts, rooms, storage
from crossbench.plan import build as planning
from crossbench.plan.model import Plan
from crossbench.plan.options import check_options
from crossbench.plan.selection import Selection
from crossbench.prompts.book import PromptBook
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.provision import equipment, supplies
from crossbench.provision.supplies import Places
from crossbench.registry import Registry
from crossbench.suite.load import load
from crossbench.suite.model import Suite
from crossbench.suite.tables.protocol import Profile
from crossbench.suite.twin import twinned

PATIENT, HURRIED = Patience(), Patience(tries=1, answer_s=2.0, deadline_s=10.0)
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
    twin: str | None = None,
) -> Prepared:
    """Read the suite and plan it for this machine; of what it names only its tokenizer is fetched.

    `artifacts` are the user's, as TARGET=PATH; `twin` is the one target of a null test. A hub
    that does not answer is not waited for.
    Raises InputError.
    """
    suite = overridden(load(path, profile=profile), artifacts)
    if twin is not None:
        suite = twinned(suite, twin)
    registry = Registry()
    check_options(path, suite, registry)
    machine, places = facts.observe(), supplies.find(suite, selection)
    book = _book_now(suite, places.tokenizer, progress)
    plan = planning.build(
        suite,
        registry=registry,
        machine=machine,
        equipment=equipment.find(suite, registry, selection),
        artifacts=places.artifacts,
        book=book if isinstance(book, PromptBook) else None,
        selection=selection,
    )
    prepared = Prepared(
        plan=plan,
        book=book,
        registry=registry,
        selection=selection,
        suite_text=_verbatim(path, suite),
    )
    return _judged(prepared, places)


def completed(prepared: Prepared, progress: Progress) -> Prepared:
    """The same once its artifacts are here: with its prompts, and what follows from their length.

    What is found only now is told. Raises ArtifactFailure, InputError.
    """
    if isinstance(prepared.book, PromptBook):
        return prepared
    suite = prepared.plan.suite
    book = had(open_book(suite, progress, PATIENT))
    plan = planning.filled(prepared.plan, book, prepared.registry)
    now = dataclasses.replace(prepared, plan=plan, book=book)
    found = _judged(now, supplies.find(suite, prepared.selection))
    for finding in found.plan.findings:
        if finding not in prepared.plan.findings:
            told = f"{finding.severity}: {finding.evidence}; {finding.fix}"
            progress.started(f"[{finding.rule}] {told}")
    return found


def _judged(prepared: Prepared, places: Places) -> Prepared:
    """With what is known of each target's memory and disk, and what the rules find."""
    plan, selection = prepared.plan, prepared.selection
    context = _context_tokens(plan.suite, prepared.book)
    free = rooms.observe(plan.machine)
    taken = [target for target in plan.suite.targets if selection.takes("target", target)]
    variants = {item.target: item.variant for item in plan.targets}
    fits = {
        target.name: target_fit(
            target,
            places.headers[target.artifact],
            Needs(context_tokens=context, streams=plan.streams(target.name)),
            rooms.open_to(variants.get(target.name), free),
        )
        for target in taken
    }
    lying = {
        target.name: storage.observe(Path(place.path))
        for target in taken
        if isinstance(place := places.artifacts[target.artifact], Present)
    }
    plan = replace(plan, fits=fits, storage=lying)
    found = [*rules.findings(plan), *prepared.registry.findings(plan)]
    kept = tuple(finding for finding in found if finding.rule not in selection.ignored)
    return dataclasses.replace(prepared, plan=replace(plan, findings=kept))


def _book_now(
    suite: Suite, tokenizer: Whereabouts | None, progress: Progress
) -> PromptBook | ArtifactFailure:
    """The book, where its tokenizer is here or at a hub that answers. Raises InputError."""
    if isinstance(tokenizer, Absent):
        return ArtifactFailure(tokenizer.reason)
    if isinstance(tokenizer, Fetchable) and tokenizer.note:
        return Unreachable(tokenizer.note)
    return open_book(suite, progress, HURRIED)


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
