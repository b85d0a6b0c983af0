"""A plan: what would run on this machine, in which order, and what would not and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import Aspect, Finding
from crossbench.artifacts.whereabouts import Fetchable
from crossbench.fit.target import TargetFit
from crossbench.machine.model import Machine, Storage
from crossbench.plan.time import Budget, Estimate
from crossbench.suite.model import Scenario, Suite

NonResult: TypeAlias = Literal["unsupported", "unavailable", "failed", "skipped"]
Purpose: TypeAlias = Literal["timed", "burn_in", "scoring"]


class Exclusion(Struct, frozen=True, kw_only=True):
    """A cell, or a whole target, that will not be measured."""

    target: str
    scenario: str | None
    """None for every scenario of the target."""
    word: NonResult
    reason: str


class Equipment(Struct, frozen=True, kw_only=True):
    """The environment a target would run in."""

    variant: str
    how: str
    """"host", "named", "ready" or "to build"."""


class Lacking(Struct, frozen=True):
    """Why a target has no environment on this machine."""

    reason: str


class TargetPlan(Struct, frozen=True, kw_only=True):
    """What one runnable target needs before it runs."""

    target: str
    backend: str
    plugin: str
    """Plugin, distribution and version."""
    distributions: tuple[str, ...]
    """Those whose versions the report shows, the engine's own first."""
    variant: str
    requires: tuple[str, ...] = ()
    """Requirements that make its environment one of its own."""
    fetch: Fetchable | None = None
    """What is to be fetched before it runs; None where its artifact is here."""
    artifact_bytes: int | None = None
    """What its engine reads; None where that is not known yet."""
    aspects: Mapping[Aspect, Any] = {}
    """What its options say of what every engine has, defaults included."""
    how: str
    """State of its environment: "host", "named", "ready" or "to build"."""


UNKNOWN = 0
"""No prompt has this length."""


class ScenarioPlan(Struct, frozen=True, kw_only=True):
    """What one scenario asks of every target."""

    scenario: str
    prompt_tokens: tuple[int, ...]
    """Length of each prompt, salt included; `UNKNOWN` while the tokenizer is not here."""
    prompts_sha256: str
    """Over the canonical ids of its prompts, before salting."""


SCORING, BURN_IN = -1, -2
"""The blocks of launches that stand beside no others: scored after them, or burnt in before."""


class Launch(Struct, frozen=True, kw_only=True):
    """One worker process: the unit of replication."""

    id: str
    block: int
    """Launches of one block stand side by side; every second block runs in reverse order."""
    target: str
    scenarios: tuple[str, ...]

    @property
    def purpose(self) -> Purpose:
        """What it is made for."""
        purposes: Mapping[int, Purpose] = {SCORING: "scoring", BURN_IN: "burn_in"}
        return purposes.get(self.block, "timed")


class ScoringPlan(Struct, frozen=True, kw_only=True):
    """The text that targets are scored on, and the launches that do it, after all others."""

    windows: int
    tokens: int
    """Ids that are scored."""
    bytes: int
    """UTF-8 bytes behind them."""
    sha256: str
    """Over the ids of the windows."""
    launches: tuple[Launch, ...]
    """One a target, of no scenario; block `SCORING`."""
    skipped: str | None = None
    """Why there are none although targets could be scored."""


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that is decided before anything is measured."""

    suite: Suite
    machine: Machine
    targets: tuple[TargetPlan, ...]
    scenarios: tuple[ScenarioPlan, ...]
    launches: tuple[Launch, ...]
    """Those that count."""
    exclusions: tuple[Exclusion, ...]
    burn_in: tuple[Launch, ...] = ()
    """Those before them, block `BURN_IN`, that do not."""
    scoring: ScoringPlan | None = None
    """None where the suite asks for none."""
    fits: Mapping[str, TargetFit] = {}
    """Target -> what is known of its memory, also of targets that will not run here."""
    storage: Mapping[str, Storage] = {}
    """Target -> where its artifact lies, of those that lie here."""
    findings: tuple[Finding, ...] = ()
    """What its owner should know before it runs."""
    celsius: float | None = None
    """How hot the hottest device was when planning; None where nothing here can tell."""
    estimate: Estimate | None = None
    """How long it will take; None in runs made before that was told."""
    budget: Budget | None = None
    """How long it may take; None for as long as it takes."""

    def __post_init__(self) -> None:
        """Raises ValueError for a name that the suite or the plan does not have."""
        targets = {target.target for target in self.targets}
        scenarios = {scenario.scenario for scenario in self.scenarios}
        every = (*self.burn_in, *self.launches)
        launched = {name for launch in every for name in launch.scenarios}
        unknown = [
            *(targets - {target.name for target in self.suite.targets}),
            *(scenarios - {scenario.name for scenario in self.suite.scenarios}),
            *({launch.target for launch in every} - targets),
            *(launched - scenarios),
        ]
        if unknown:
            raise ValueError(f"the plan names {unknown[0]!r}, which it does not have")

    def without(self, target: str, word: NonResult, reason: str) -> Plan:
        """The same plan, with one target left out after all."""
        left_out = Exclusion(target=target, scenario=None, word=word, reason=reason)
        scoring = self.scoring
        if scoring is not None:
            kept = tuple(launch for launch in scoring.launches if launch.target != target)
            scoring = replace(scoring, launches=kept)
        return replace(
            self,
            scoring=scoring,
            targets=tuple(item for item in self.targets if item.target != target),
            launches=tuple(launch for launch in self.launches if launch.target != target),
            burn_in=tuple(launch for launch in self.burn_in if launch.target != target),
            exclusions=(*self.exclusions, left_out),
        )

    def scenario(self, name: str) -> Scenario:
        """A scenario of the suite."""
        return next(scenario for scenario in self.suite.scenarios if scenario.name == name)

    @property
    def loaded(self) -> bool:
        """Whether some scenario is under load."""
        return any(each.scenario in self.suite.loaded for each in self.scenarios)

    def streams(self, target: str) -> int:
        """The most requests that a worker of the target is given at once; of a target without a
        launch, that one of it would be. Replicas share them."""
        every = (*self.burn_in, *self.launches)
        named = {name for launch in every if launch.target == target for name in launch.scenarios}
        taken = [s for s in self.suite.scenarios if s.name in named] or self.suite.scenarios
        replicas = next(each.replicas for each in self.suite.targets if each.name == target)
        return -(-max(scenario.streams for scenario in taken) // replicas)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks of the launches that count, in order."""
        return tuple(dict.fromkeys(launch.block for launch in self.launches))

    @property
    def samples(self) -> int:
        """Timed requests in all."""
        repeats = self.suite.protocol.repeats
        return repeats * sum(
            self.scenario(name).requests for launch in self.launches for name in launch.scenarios
        )

    @property
    def requests(self) -> int:
        """Requests in all: warm-ups, burn-in and sentinels included."""
        return sum(
            count * self.scenario(name).requests
            for launch in (*self.burn_in, *self.launches)
            for name, count in self.passes(launch).items()
        )

    def passes(self, launch: Launch) -> Mapping[str, int]:
        """Scenario -> how many passes a launch makes over it, for whatever reason."""
        protocol = self.suite.protocol
        passes = dict.fromkeys(launch.scenarios, protocol.warmups + protocol.repeats)
        if (name := self.sentinel(launch)) is not None:
            passes[name] += protocol.repeats
        return passes

    def sentinel(self, launch: Launch) -> str | None:
        """The scenario that is measured again at the end of a launch, if one is."""
        counts = self.suite.protocol.sentinel and launch.purpose == "timed"
        return launch.scenarios[0] if counts and launch.scenarios else None
