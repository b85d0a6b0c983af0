"""What of several runs belongs in one report: what is refused, and what is said beside them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import TypeVar

from msgspec import Struct

from crossbench.errors import InputError
from crossbench.report.labels import machine_facts
from crossbench.report.load_groups import differing, united
from crossbench.report.model import NonResultReport, Report, ScenarioReport
from crossbench.report.work import work

T = TypeVar("T")
V = TypeVar("V", bound=Hashable)


class Given(Struct, frozen=True, kw_only=True):
    """One run as a user hands it over."""

    written: str
    label: str | None
    """The user's own, if one was given."""
    report: Report


def refuse(given: Sequence[Given]) -> None:
    """Raises InputError where no honest table holds them all."""
    for each in given:
        if each.report.runs:
            raise InputError(f"{each.written} holds several runs already; name each of them")
    for one, other in combinations(given, 2):
        if _identity(one.report) == _identity(other.report):
            raise InputError(f"{other.written} and {one.written} are one run; give it once")
        if one.report.definitions != other.report.definitions:
            raise InputError(
                f"{other.written} is reported by definitions {other.report.definitions}, "
                f"{one.written} by {one.report.definitions}: the same names mean other numbers. "
                "Make both anew from their runs: crossbench report RUN"
            )
    known, apart = _works(given[0]), list(given[1:])
    while joined := [each for each in apart if known & _works(each)]:
        known = known.union(*map(_works, joined))
        apart = [each for each in apart if each not in joined]
    for each in apart:
        raise InputError(
            f"{each.written} and {given[0].written} have no scenario in common (of the same "
            "name, prompts and lengths), nor through another run; report them apart"
        )


def _works(given: Given) -> set[tuple[str, ScenarioReport]]:
    return {(each.name, work(each)) for each in given.report.scenarios}


def _identity(report: Report) -> tuple[object, ...]:
    return report.suite_sha256, report.started, report.command, report.machine


def notes(given: Sequence[Given], labels: Sequence[str]) -> Iterator[str]:
    """What of them does not belong together, and what their one report leaves out."""
    runs = dict(zip(labels, (each.report for each in given), strict=True))
    yield from _apart(runs)
    yield from _loads(runs)
    reports = list(runs.values())
    for label, report in runs.items():
        if report.null_test is not None:
            yield f"the null test of {label} stands in its own report"
        kept = list(missing(report, reports))
        lost = [found for found in report.non_results if found not in kept]
        if lost:
            names = ", ".join(dict.fromkeys(found.target for found in lost))
            yield f"{names} could not run in {label}, and did elsewhere: {lost[0].reason}"


def _apart(runs: Mapping[str, Report]) -> Iterator[str]:
    """What is not the same in all of them, each found once however many runs have it."""
    for one, other, own, others in _differing(runs, lambda run: run.suite_sha256):
        yield f"{one} ran another suite than {other} (sha256 {own[:12]} against {others[:12]})"
    for one, other, own, others in _differing(runs, lambda run: run.model):
        yield f"the model is called {own} in {one}, {others} in {other}"
    for one, other, own, others in _differing(runs, lambda run: run.crossbench):
        yield f"{one} was measured by crossbench {own}, {other} by {others}"
    for name in dict.fromkeys(target.name for run in runs.values() for target in run.targets):
        for one, other, own, others in _differing(runs, partial(_artifact, name)):
            yield (
                f"{name} is another artifact in {one} than in {other} (sha256 {own[:12]} against "
                f"{others[:12]})"
            )
    for name in dict.fromkeys(each.name for run in runs.values() for each in run.scenarios):
        for one, other, _, _ in _differing(runs, partial(_work, name)):
            yield f"{name} is other work in {one} than in {other}, and stands apart"
    for alike in _alike(runs, lambda run: machine_facts(run.machine)).values():
        if len(alike) > 1:
            yield f"{listed(alike)} are one machine, or machines alike"


def _loads(runs: Mapping[str, Report]) -> Iterator[str]:
    """Loads of one name that are not one."""
    for one, other in combinations(united(runs), 2):
        if one.load.name == other.load.name:
            yield (
                f"the load {one.load.name} of {listed(other.labels)} stands apart from that of "
                f"{listed(one.labels)}: they differ in {', '.join(differing(one, other))}"
            )


def _differing(
    runs: Mapping[str, Report], of: Callable[[Report], T | None]
) -> Iterator[tuple[str, str, T, T]]:
    """Runs that differ, those they differ from, and their two values; of three values every two."""
    groups = [(value, listed(labels)) for value, labels in _alike(runs, of).items() if value]
    for (others, other), (own, one) in combinations(groups, 2):
        yield one, other, own, others


def _alike(runs: Mapping[str, Report], of: Callable[[Report], V]) -> Mapping[V, list[str]]:
    """What is found in the runs -> the labels of those that have it."""
    found: dict[V, list[str]] = {}
    for label, run in runs.items():
        found.setdefault(of(run), []).append(label)
    return found


def _artifact(target: str, run: Report) -> str | None:
    return next((each.artifact.sha256 for each in run.targets if each.name == target), None)


def _work(scenario: str, run: Report) -> ScenarioReport | None:
    return next((work(each) for each in run.scenarios if each.name == scenario), None)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; with semicolons where a name has a comma."""
    *head, last = names
    comma = "; " if any("," in name for name in names) else ", "
    return f"{comma.join(head)} and {last}" if head else last


def missing(report: Report, reports: Sequence[Report]) -> Iterator[NonResultReport]:
    """What it could not measure, less targets that could not run there and did in another run."""
    own = {target.name for target in report.targets}
    for each in report.non_results:
        if each.target in own or not any(_measured(other, each) for other in reports):
            yield each


def _measured(report: Report, lacking: NonResultReport) -> bool:
    cells = {
        (scenario.name, cell.target) for scenario in report.scenarios for cell in scenario.cells
    }
    if lacking.scenario is None:
        return any(target == lacking.target for _, target in cells)
    return (lacking.scenario, lacking.target) in cells
