"""What no type can say of a suite: keys that exclude one another, and names that must exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from crossbench.suite.positions import KeyPath
from crossbench.suite.tables.comparison import ComparisonTable
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.tables.suite import QualityTable
from crossbench.suite.validate import Fault
from crossbench.suite.words import quoted


def forced_faults(tables: Mapping[KeyPath, ScenarioTable]) -> Iterator[Fault]:
    """Forced output leaves the model nothing to choose and no end to find."""
    for at, table in tables.items():
        if table.forced and table.natural:
            yield Fault((*at, "natural"), "found true beside forced", "expected only one of them")
        if table.forced and table.sampling.temperature > 0:
            yield Fault(
                (*at, "sampling", "temperature"),
                f"found {table.sampling.temperature:g} beside forced",
                "expected 0, since forced ids are not chosen",
            )


def requirement_faults(tables: Mapping[KeyPath, Sequence[str]]) -> Iterator[Fault]:
    """Requirements that no installer would understand, or that contradict one another.

    `tables` are the lists called `requires`, by the table they stand in.
    """
    for at, requires in tables.items():
        named: set[str] = set()
        for index, written in enumerate(requires):
            place = (*at, "requires", index)
            try:
                name = Requirement(written).name.lower()
            except InvalidRequirement:
                found = f"found {quoted(written)}, which is no requirement"
                yield Fault(place, found, 'expected one such as "vllm==0.32.0"')
                continue
            if name in named:
                yield Fault(place, f"found {name} twice", "expected each distribution once")
            named.add(name)


def quality_faults(table: QualityTable | None, targets: Collection[str]) -> Iterator[Fault]:
    """A reference that is no target."""
    if table is not None and table.reference is not None and table.reference not in targets:
        allowed = f"expected one of {', '.join(sorted(targets))}"
        yield Fault(("quality", "reference"), f"found {quoted(table.reference)}", allowed)


def baseline_faults(table: ComparisonTable, targets: Collection[str]) -> Iterator[Fault]:
    """A baseline that is no target."""
    if table.baseline is not None and table.baseline not in targets:
        allowed = f"expected one of {', '.join(sorted(targets))}"
        yield Fault(("comparison", "baseline"), f"found {quoted(table.baseline)}", allowed)
