"""A suite after expansion: every value resolved, every matrix unrolled, every path absolute.

This is what a plan is made from and what `crossbench suite expand` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from crossbench.suite.schema import (
    USUAL_AXIS,
    Axis,
    Deadlines,
    Message,
    ModelTable,
    Profile,
    SamplingTable,
    TargetNeeds,
)


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
