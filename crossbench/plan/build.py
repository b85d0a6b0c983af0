"""Suite x registry x machine to a plan: every cell is either launched or named with a reason."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import Aspect, Capability
from crossbench.artifacts.local import read_by_engines
from crossbench.artifacts.sizes import sized
from crossbench.artifacts.whereabouts import Absent, Fetchable, Present, Whereabouts
from crossbench.errors import InputError, SuiteError
from crossbench.machine.model import GIB, Machine
from crossbench.plan.company import alone, crowded
from crossbench.plan.model import (
    BURN_IN,
    SCORING,
    UNKNOWN,
    Equipment,
    Exclusion,
    Lacking,
    Launch,
    NonResult,
    Plan,
    ScenarioPlan,
    ScoringPlan,
    TargetPlan,
)
from crossbench.plan.selection import Selection
from crossbench.plan.support import unsupported
from crossbench.prompts.book import PromptBook
from crossbench.prompts.scoring import ScoringSet
from crossbench.registry import Provided, Registry
from crossbench.suite.model import Scenario, Suite, Target
from crossbench.suite.options import Offer, option_problems


def build(
    suite: Suite,
    *,
    registry: Registry,
    machine: Machine,
    equipment: Mapping[str, Equipment | Lacking],
    artifacts: Mapping[str, Whereabouts],
    book: PromptBook | None,
    selection: Selection,
) -> Plan:
    """Decide everything before anything is measured, for a suite whose options are checked.

    `equipment` tells the environment of each target whose backend is installed, `artifacts` where
    each artifact is; without a `book`, prompts of written text have no length yet. Raises
    InputError for a selection that names nothing.
    """
    selection.check(suite)
    targets: list[TargetPlan] = []
    exclusions: list[Exclusion] = []
    scenarios = [item for item in suite.scenarios if selection.takes("scenario", item)]
    for target in suite.targets:
        found = equipment.get(target.name)
        place = artifacts.get(target.artifact)
        verdict = _judged(target, registry, machine, found, place, selection)
        if isinstance(verdict, TargetPlan):
            targets.append(verdict)
        else:
            exclusions.append(verdict)
    cells: dict[str, tuple[str, ...]] = {}
    scored: list[str] = []
    named = {target.name: target for target in suite.targets}
    runnable = [planned.target for planned in targets]
    for planned in targets:
        provided, target = registry.backend(planned.backend), named[planned.target]
        lacking = [
            *unsupported(target.name, provided.spec, scenarios, target.replicas),
            *alone(target, scenarios, runnable, machine, selection),
        ]
        exclusions.extend(lacking)
        left_out = {exclusion.scenario for exclusion in lacking}
        cells[planned.target] = tuple(s.name for s in scenarios if s.name not in left_out)
        if cells[planned.target] and Capability.SCORE in provided.spec.capabilities:
            scored.append(planned.target)
    exclusions += [
        Exclusion(target=target.target, scenario=item.name, word="skipped", reason="not selected")
        for target in targets
        for item in suite.scenarios
        if item not in scenarios
    ]
    return Plan(
        suite=suite,
        machine=machine,
        targets=tuple(target for target in targets if cells[target.target]),
        scenarios=tuple(_scenario(item, book) for item in scenarios),
        launches=interleaved(suite.protocol.launches, cells),
        burn_in=_burn_in(cells) if suite.protocol.burn_in else (),
        exclusions=tuple(exclusions),
        scoring=_scoring(book.scoring, scored) if book else None,
    )


def filled(plan: Plan, book: PromptBook, registry: Registry) -> Plan:
    """A plan that was made without a tokenizer, now that there is one."""
    written = {scenario.name: scenario for scenario in plan.suite.scenarios}
    scored = [
        item.target
        for item in plan.targets
        if Capability.SCORE in registry.backend(item.backend).spec.capabilities
    ]
    return replace(
        plan,
        scenarios=tuple(_scenario(written[item.scenario], book) for item in plan.scenarios),
        scoring=_scoring(book.scoring, scored),
    )


def _scoring(text: ScoringSet | None, targets: Sequence[str]) -> ScoringPlan | None:
    if text is None:
        return None
    return ScoringPlan(
        windows=len(text.windows),
        tokens=text.tokens,
        bytes=text.bytes,
        sha256=text.sha256,
        launches=tuple(
            Launch(id=f"q-{target}", block=SCORING, target=target, scenarios=())
            for target in targets
        ),
    )


def check_options(path: Path, suite: Suite, registry: Registry) -> None:
    """Raises SuiteError when a target asks what its installed backend does not offer.

    `path` is the suite as the user named it, for the messages.
    """
    provided = {target.name: registry.backends.get(target.backend) for target in suite.targets}
    offers = {}
    for name, backend in provided.items():
        with suppress(InputError):  # a broken plugin costs its own targets, in the plan
            if backend is not None:
                offers[name] = Offer(options_type(backend), tuple(backend.spec.environments))
    if problems := option_problems(path, suite, offers):
        raise SuiteError(problems)


def options_type(provided: Provided) -> type[Struct]:
    """A backend's options struct, imported in the host. Raises InputError naming the plugin."""
    module, _, name = provided.spec.options.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(
            f"plugin {provided.origin}: its options {provided.spec.options} cannot be imported "
            f"({cause})"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise InputError(
            f"plugin {provided.origin}: its options {provided.spec.options} are no msgspec Struct"
        )
    return kind


def interleaved(blocks: int, cells: Mapping[str, Sequence[str]]) -> tuple[Launch, ...]:
    """Blocks of one launch per target, every second block in reverse order.

    So heat and slow drift fall on all targets alike: over A B, B A a linear drift cancels.
    """
    order = [target for target, scenarios in cells.items() if scenarios]
    return tuple(
        Launch(
            id=f"b{block + 1}-{target}",
            block=block,
            target=target,
            scenarios=tuple(cells[target]),
        )
        for block in range(blocks)
        for target in (order if block % 2 == 0 else reversed(order))
    )


def _burn_in(cells: Mapping[str, Sequence[str]]) -> tuple[Launch, ...]:
    """One launch of each target, of as much work as those that count."""
    return tuple(
        Launch(id=f"b0-{target}", block=BURN_IN, target=target, scenarios=tuple(scenarios))
        for target, scenarios in cells.items()
        if scenarios
    )


def _judged(
    target: Target,
    registry: Registry,
    machine: Machine,
    equipment: Equipment | Lacking | None,
    place: Whereabouts | None,
    selection: Selection,
) -> TargetPlan | Exclusion:
    def excluded(word: NonResult, reason: str) -> Exclusion:
        return Exclusion(target=target.name, scenario=None, word=word, reason=reason)

    if not selection.takes("target", target):
        return excluded("skipped", "not selected")
    try:
        provided = registry.backend(target.backend)
        options_type(provided)
    except InputError as error:
        return excluded("unavailable", str(error))
    if (code := _code(target, provided)) and not selection.trust:
        return excluded("skipped", f"it names {code}, which are used only with --trust")
    if lacking := _lacking(target, machine) or _absence(place):
        return excluded("unavailable", lacking)
    if not isinstance(equipment, Equipment):
        return excluded("unavailable", equipment.reason if equipment else "no environment is known")
    return TargetPlan(
        target=target.name,
        backend=target.backend,
        plugin=str(provided.origin),
        distributions=provided.spec.distributions,
        variant=equipment.variant,
        requires=selection.requires(target),
        aspects=_aspects(target, provided),
        fetch=place if isinstance(place, Fetchable) else None,
        artifact_bytes=_bytes(place),
        how=equipment.how,
    )


def _bytes(place: Whereabouts | None) -> int | None:
    """What an engine reads of it, or what of that is still to be fetched."""
    if isinstance(place, Fetchable):
        return place.bytes
    if isinstance(place, Present):
        with suppress(OSError):
            return sum(file.stat().st_size for file in read_by_engines(Path(place.path)))
    return None


def _absence(place: Whereabouts | None) -> str | None:
    """Why the artifact cannot be had, or None."""
    if isinstance(place, Absent):
        return place.reason
    if isinstance(place, Fetchable) and place.bytes is not None and not place.fits:
        return (
            f"its artifact takes {sized(place.bytes)} more, and {sized(place.free)} are free where "
            "it would be kept; make room, or move the cache by HF_HOME"
        )
    return None


def _code(target: Target, provided: Provided) -> str:
    """What of the target can run code of the suite's choosing, in words; empty for nothing."""
    programs = [
        f"a program to start ({option})"
        for option in provided.spec.commands
        if target.options.get(option)
    ]
    return " and ".join(filter(None, (target.code, *programs)))


def _aspects(target: Target, provided: Provided) -> Mapping[Aspect, Any]:
    options = msgspec.convert(dict(target.options), options_type(provided))
    named = provided.spec.aspects.items()
    return {aspect: getattr(options, option, None) for aspect, option in named}


def _lacking(target: Target, machine: Machine) -> str | None:
    """What the machine lacks of what the target says it needs, or None."""
    needs = target.needs
    if needs.platform is not None and needs.platform != machine.platform:
        return f"it needs {needs.platform}; this machine is {machine.platform}"
    if needs.cuda > len(machine.cuda_devices):
        return f"it needs {needs.cuda} CUDA devices; this machine has {len(machine.cuda_devices)}"
    memory_gib = machine.memory_bytes / GIB
    if needs.memory_gib > memory_gib:
        return f"it needs {needs.memory_gib:g} GiB of memory; this machine has {memory_gib:.1f} GiB"
    return crowded(target, machine)


def _scenario(scenario: Scenario, book: PromptBook | None) -> ScenarioPlan:
    if book is None:
        known = tuple(prompt.synthetic_tokens or UNKNOWN for prompt in scenario.prompts)
        return ScenarioPlan(scenario=scenario.name, prompt_tokens=known, prompts_sha256="")
    return ScenarioPlan(
        scenario=scenario.name,
        prompt_tokens=tuple(
            book.prompt_tokens(scenario.name, index) for index in range(len(scenario.prompts))
        ),
        prompts_sha256=book.sha256(scenario.name),
    )
