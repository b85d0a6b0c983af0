"""One thing that was looked for in a run, whether it was there or not."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Origin: TypeAlias = Literal["machine", "outside", "setting"]
"""What the machine did to itself; what came from outside; how it is set up."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked for."""

    rule: str
    """Such as "throttled"."""
    origin: Origin
    subject: str
    """The target, or "machine"."""
    found: bool | None
    """None where nothing could tell."""
    evidence: str
    """What was found, with its values; what was read where nothing was; else why nothing told."""
