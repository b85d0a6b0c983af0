"""The samples of a cell by launch and pass, each of their quantities summed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from crossbench.analysis.sample import Sample, by_launch

Part: TypeAlias = Callable[[Sample], float]
Rule: TypeAlias = Callable[[Sample], str | None]


class Work:
    """Samples, and sums over them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.launches = by_launch(samples)
        self._turns: Mapping[str, Sequence[Sequence[Sample]]] | None = None
        """Launch -> the samples of each of its passes, once asked for."""
        self._sums: dict[Part, Mapping[str, float]] = {}
        self._passes: dict[Part, Mapping[str, list[float]]] = {}
        self._kept: dict[Rule, tuple[Work, list[str]]] = {}

    def sums(self, part: Part) -> Mapping[str, float]:
        """Launch -> the sum over its samples."""
        found = self._sums.get(part)
        if found is None:
            found = {launch: sum(map(part, group)) for launch, group in self.launches.items()}
            self._sums[part] = found
        return found

    def passes(self, part: Part) -> Mapping[str, list[float]]:
        """Launch -> the sum over each of its passes, in order."""
        found = self._passes.get(part)
        if found is None:
            found = {
                launch: [sum(map(part, turn), 0.0) for turn in turns]
                for launch, turns in self.turns.items()
            }
            self._passes[part] = found
        return found

    @property
    def turns(self) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Launch -> the samples of each of its passes, in order."""
        if self._turns is None:
            self._turns = {launch: _turns(group) for launch, group in self.launches.items()}
        return self._turns

    def kept(self, rule: Rule) -> tuple[Work, list[str]]:
        """The samples that a rule lets pass, and why others do not; the rule says why, or None."""
        found = self._kept.get(rule)
        if found is None:
            found = self._kept[rule] = self._judged(rule)
        return found

    def _judged(self, rule: Rule) -> tuple[Work, list[str]]:
        reasons = [rule(sample) for sample in self.samples]
        dropped = Counter(reason for reason in reasons if reason is not None)
        if not dropped:
            return self, []
        whole = len(self.samples)
        told = [_told(reason, count, whole) for reason, count in dropped.items()]
        passed = [
            sample for sample, reason in zip(self.samples, reasons, strict=True) if reason is None
        ]
        return Work(passed), told


def _turns(samples: Sequence[Sample]) -> Sequence[Sequence[Sample]]:
    found: dict[int, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.repeat, []).append(sample)
    return list(found.values())


def _told(reason: str, count: int, of: int) -> str:
    return reason if count == of else f"{reason} ({count} of {of} samples)"
