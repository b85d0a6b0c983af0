"""What a check of a plugin comes to, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.plugins.origin import Origin

Verdict: TypeAlias = Literal["holds", "broken", "left out"]


class RuleVerdict(Struct, frozen=True, kw_only=True):
    """One rule, held against one thing that a plugin provides."""

    subject: str
    """Such as "backend mlx"."""
    rule: str
    """Its name, such as "token-counts-are-exact"."""
    statement: str
    """What it asks, in a sentence."""
    verdict: Verdict
    found: str = ""
    """What breaks it, or why it was left out."""
    do: str = ""
    """How to mend it."""
    seconds: float = 0.0


class Checked(Struct, frozen=True, kw_only=True):
    """A plugin and all that was found of it."""

    origin: Origin
    model: str | None
    """What the engine was given; None for the stand-in without weights."""
    verdicts: tuple[RuleVerdict, ...]
    versions: Mapping[str, str] = {}
    """Of the engines' distributions, as the backends' environments have them."""

    @property
    def broken(self) -> tuple[RuleVerdict, ...]:
        """The rules that do not hold."""
        return tuple(each for each in self.verdicts if each.verdict == "broken")

    def count(self, verdict: Verdict) -> int:
        """How many rules came to this."""
        return sum(each.verdict == verdict for each in self.verdicts)


Tell: TypeAlias = Callable[[RuleVerdict], None]
"""Who is told of each verdict as it is reached."""
