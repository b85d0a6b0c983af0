"""What of several runs belongs in one report: what is refused, and what is said beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.report.labels import machine_facts
from crossbench.report.model import NonResultReport, Report, ScenarioReport


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
    first = {(each.name, work(each)) for each in given[0].report.scenarios}
    for each in given[1:]:
        if not any((own.name, work(own)) in first for own in each.report.scenarios):
            raise InputError(
                f"{each.written} and {given[0].written} have no scenario in common (of the same "
                "name, prompts and lengths); report them apart"
            )


def _identity(report: Report) -> tuple[object, ...]:
    return report.suite_sha256, report.started, report.command, report.machine


def notes(given: Sequence[Given], labels: Sequence[str]) -> Iterator[str]:
    """What of them does not belong together, and what their one report leaves out."""
    first = given[0].report
    for each, label in list(zip(given, labels, strict=True))[1:]:
        yield from _against(each.report, label, first, labels[0])
    reports = [each.report for each in given]
    for each, label in zip(given, labels, strict=True):
        if each.report.null_test is not None:
            yield f"the null test of {label} stands in its own report"
        kept = list(missing(each.report, reports))
        lost = [found for found in each.report.non_results if found not in kept]
        if lost:
            names = ", ".join(dict.fromkeys(found.target for found in lost))
            yield f"{names} could not run in {label}, and did elsewhere: {lost[0].reason}"


def _against(report: Report, label: str, first: Report, other: str) -> Iterator[str]:
    """What is not the same as in the first run."""
    if report.suite_sha256 != first.suite_sha256:
        yield (
            f"{label} ran another suite than {other} (sha256 {report.suite_sha256[:12]} against "
            f"{first.suite_sha256[:12]})"
        )
    if report.model != first.model:
        yield f"{label} names its model {report.model}, {other} {first.model}"
    if report.crossbench != first.crossbench:
        yield (
            f"{label} was measured by crossbench {report.crossbench}, {other} by {first.crossbench}"
        )
    known = {target.name: target.artifact.sha256 for target in first.targets}
    for target in report.targets:
        sha256 = known.get(target.name, target.artifact.sha256)
        if target.artifact.sha256 != sha256:
            yield (
                f"{target.name} is another artifact in {label} than in {other} (sha256 "
                f"{target.artifact.sha256[:12]} against {sha256[:12]})"
            )
    known_work = {each.name: work(each) for each in first.scenarios}
    for scenario in report.scenarios:
        if known_work.get(scenario.name, work(scenario)) != work(scenario):
            yield f"{scenario.name} is other work in {label} than in {other}, and stands apart"
    if machine_facts(report.machine) == machine_facts(first.machine):
        yield f"{label} and {other} are one machine, or two alike"


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


def work(scenario: ScenarioReport) -> ScenarioReport:
    """What two scenarios of one name must have in common to be one."""
    return replace(scenario, cells=(), same_ids=None)
