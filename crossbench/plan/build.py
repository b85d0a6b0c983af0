"""Suite x registry x machine to a plan: every cell is either launched or named with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from crossbench.api import Capability
from crossbench.artifacts.whereabouts import Whereabouts
from crossbench.machine.model import Machine
from crossbench.plan import launches
from crossbench.plan.company import alone
from crossbench.plan.model import (
    UNKNOWN,
    Equipment,
    Exclusion,
    Lacking,
    Plan,
    ScenarioPlan,
    ScoringPlan,
    TargetPlan,
)
from crossbench.plan.selection import Selection
from crossbench.plan.support import unsupported
from crossbench.plan.targets import judged
from crossbench.prompts.book import PromptBook
from crossbench.registry import Registry
from crossbench.suite.model import Scenario, Suite


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
    chosen = [item for item in suite.scenarios if selection.takes("scenario", item)]
    verdicts = []
    for target in suite.targets:
        found, place = equipment.get(target.name), artifacts.get(target.artifact)
        verdicts.append(judged(target, registry, machine, found, place, selection))
    able = [verdict for verdict in verdicts if isinstance(verdict, TargetPlan)]
    unmeasured = list(_unmeasured(suite, chosen, able, registry, machine, selection))
    cells = _cells(able, chosen, unmeasured)
    targets = tuple(target for target in able if cells[target.target])
    return Plan(
        suite=suite,
        machine=machine,
        targets=targets,
        scenarios=tuple(_scenario(item, book) for item in chosen),
        launches=launches.interleaved(suite.protocol.launches, cells),
        burn_in=launches.burn_in(cells) if suite.protocol.burn_in else (),
        exclusions=(
            *(verdict for verdict in verdicts if isinstance(verdict, Exclusion)),
            *unmeasured,
            *_unselected(suite, chosen, able),
        ),
        scoring=_scoring(targets, book, registry) if book else None,
    )


def filled(plan: Plan, book: PromptBook, registry: Registry) -> Plan:
    """A plan that was made without a tokenizer, now that there is one."""
    written = {scenario.name: scenario for scenario in plan.suite.scenarios}
    return replace(
        plan,
        scenarios=tuple(_scenario(written[item.scenario], book) for item in plan.scenarios),
        scoring=_scoring(plan.targets, book, registry),
    )


def _unmeasured(
    suite: Suite,
    chosen: Sequence[Scenario],
    able: Sequence[TargetPlan],
    registry: Registry,
    machine: Machine,
    selection: Selection,
) -> Iterator[Exclusion]:
    """The cells of targets that run here which they cannot be measured on."""
    written = {target.name: target for target in suite.targets}
    runnable = [planned.target for planned in able]
    for planned in able:
        spec, target = registry.backend(planned.backend).spec, written[planned.target]
        yield from unsupported(target.name, spec, chosen, target.replicas)
        yield from alone(target, chosen, runnable, machine, selection)


def _unselected(
    suite: Suite, chosen: Sequence[Scenario], able: Sequence[TargetPlan]
) -> Iterator[Exclusion]:
    for planned in able:
        for item in suite.scenarios:
            if item not in chosen:
                yield Exclusion(
                    target=planned.target,
                    scenario=item.name,
                    word="skipped",
                    reason="not selected",
                )


def _cells(
    able: Sequence[TargetPlan], chosen: Sequence[Scenario], unmeasured: Iterable[Exclusion]
) -> Mapping[str, tuple[str, ...]]:
    """Target -> the scenarios that it is measured on."""
    left_out = {(exclusion.target, exclusion.scenario) for exclusion in unmeasured}
    return {
        planned.target: tuple(
            item.name for item in chosen if (planned.target, item.name) not in left_out
        )
        for planned in able
    }


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


def _scoring(
    targets: Sequence[TargetPlan], book: PromptBook, registry: Registry
) -> ScoringPlan | None:
    """How the targets that can be scored are; None where the suite names no text."""
    text = book.scoring
    if text is None:
        return None
    able = [
        item.target
        for item in targets
        if Capability.SCORE in registry.backend(item.backend).spec.capabilities
    ]
    return ScoringPlan(
        windows=len(text.windows),
        tokens=text.tokens,
        bytes=text.bytes,
        sha256=text.sha256,
        launches=launches.scoring(able),
    )
