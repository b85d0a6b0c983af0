"""A suite after expansion: every value resolved, every matrix unrolled, every path absolute.

This is what a plan is made from and what `crossbench suite expand` prints.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from crossbench.suite.tables.comparison import USUAL_AXIS, Axis
from crossbench.suite.tables.prompts import Message
from crossbench.suite.tables.protocol import Deadlines, Profile
from crossbench.suite.tables.scenario import Arrivals, SamplingTable, Slo
from crossbench.suite.tables.suite import ModelTable
from crossbench.suite.tables.target import TargetNeeds


class Target(Struct, frozen=True, kw_only=True):
    """One column of the comparison."""

    name: str
    base: str
    """Name as written in the suite; several expanded targets may share it."""
    backend: str
    artifact: str
    variant: str | None
    requires: tuple[str, ...] = ()
    """Requirements of an environment of its own."""
    python: str | None = None
    """Interpreter that the suite names."""
    build: Mapping[str, Mapping[str, str]] = {}
    """Package -> settings of its build."""
    needs: TargetNeeds
    replicas: int = 1
    """Workers that share one load, each on devices of its own."""
    options: Mapping[str, Any]

    @property
    def code(self) -> str:
        """What of the target can run code of the suite's choosing, in words; empty for nothing."""
        named = [
            f"packages ({', '.join(self.requires)})" if self.requires else "",
            f"an interpreter ({self.python})" if self.python else "",
            f"build settings (of {', '.join(self.build)})" if self.build else "",
        ]
        return " and ".join(filter(None, named))


class Prompt(Struct, frozen=True, kw_only=True):
    """One prompt in one of four forms; the other three are None."""

    messages: tuple[Message, ...] | None = None
    text: str | None = None
    ids: tuple[int, ...] | None = None
    synthetic_tokens: int | None = None


class Load(Struct, frozen=True, kw_only=True):
    """One level of load: so many users at once (a closed loop), or so many requests in a second
    (an open one), whichever of the two is given."""

    of: str
    """The scenario's name without the level, which all levels of one load share."""
    concurrency: int | None = None
    rate: float | None = None
    """Requests per second."""
    arrivals: Arrivals = "poisson"
    """How they come at that rate."""
    requests: int
    """Of one repeat."""
    room: int | None = None
    """How many requests of an open loop an engine makes room for; more wait in it."""
    slo: Slo | None = None
    find: bool = False
    """Whether levels above the first of a launch that misses the slo are left out of it."""

    @property
    def level(self) -> float:
        """Users, or requests per second."""
        return self.rate if self.rate is not None else float(self.concurrency or 1)

    @property
    def streams(self) -> int:
        """Requests that an engine must be able to serve at once."""
        return (self.concurrency if self.rate is None else self.room) or 1

    @property
    def words(self) -> str:
        """The level, such as `4 users` or `2 requests/s`."""
        if self.rate is not None:
            return f"{self.rate:g} requests/s"
        return "1 user" if self.concurrency == 1 else f"{self.concurrency} users"


class Background(Struct, frozen=True, kw_only=True):
    """What works beside a scenario while it is measured: a target on a scenario, or a command."""

    target: str | None = None
    scenario: str | None = None
    command: tuple[str, ...] = ()
    needs: TargetNeeds = TargetNeeds()
    """The target's, or the command's."""
    settle_s: float = 1.0
    """What a command is given to begin its work in."""

    @property
    def words(self) -> str:
        """Such as `small on chat`, or the command on one line."""
        if self.target:
            return f"{self.target} on {self.scenario}"
        return " ".join(shlex.join(self.command).split())


class Scenario(Struct, frozen=True, kw_only=True):
    """One row block of the comparison."""

    name: str
    base: str
    prompts: tuple[Prompt, ...]
    output_tokens: int
    natural: bool
    forced: bool = False
    """Whether every target decodes along the same given ids."""
    sampling: SamplingTable
    load: Load | None = None
    """None for one request after the other, each to an engine that serves no other."""
    background: Background | None = None
    """What works beside it; None where nothing does."""
    quiet: str | None = None
    """The same scenario with nothing beside it, where there is a background."""

    @property
    def requests(self) -> int:
        """Requests of one pass, which take its prompts in turn."""
        return self.load.requests if self.load else len(self.prompts)

    @property
    def streams(self) -> int:
        """Requests that an engine must be able to serve at once."""
        return self.load.streams if self.load else 1


class Protocol(Struct, frozen=True, kw_only=True):
    """How often everything is measured."""

    profile: Profile
    launches: int
    repeats: int
    warmups: int
    burn_in: int = 0
    """Launches of each target before those that count."""
    sentinel: bool = False
    """Whether the first scenario of a launch is measured again at its end."""
    energy: bool = False
    """Whether short phases are then repeated alone for their energy, where any is told."""
    cool_down_s: float = 0.0
    """How long the machine rests before each launch."""
    start_below_c: float | None = None
    """What the hottest device must have cooled down to; None for any heat."""
    seed: int
    deadlines: Deadlines


class Quality(Struct, frozen=True, kw_only=True):
    """The text that every target is scored on."""

    text: str
    """Absolute path."""
    sha256: str
    """Of the text."""
    window: int
    windows: int | None
    reference: str | None
    """Name of the target that the others are held against."""


class Comparison(Struct, frozen=True, kw_only=True):
    """What is compared with what."""

    axis: tuple[Axis, ...] = USUAL_AXIS
    """What targets differ in on purpose."""
    baseline: str | None = None
    """Name of the target that the others are held against; None for the first measured."""


class Suite(Struct, frozen=True, kw_only=True):
    """One suite, ready to plan."""

    path: str
    sha256: str
    """Of the file's bytes."""
    name: str
    title: str
    model: ModelTable
    targets: tuple[Target, ...]
    scenarios: tuple[Scenario, ...]
    protocol: Protocol
    quality: Quality | None = None
    """None where the suite asks for no scoring."""
    comparison: Comparison = Comparison()
    null_test: str | None = None
    """The target that stands here under two names, where that is what is measured."""

    @property
    def loaded(self) -> frozenset[str]:
        """The scenarios under load."""
        return frozenset(each.name for each in self.scenarios if each.load is not None)
