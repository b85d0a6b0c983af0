"""The options of a target, checked before anything is loaded. Imports no engine."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite may set."""

    # FILL IN: the engine's options, each with a type, bounds, and a default or none.
    token_s: Annotated[float, Meta(ge=0, le=1, description="Seconds that a token takes.")] = 0.0002
