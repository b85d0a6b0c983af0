"""A fact that may not be known, and then says why."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")
UNRECORDED = "runs of this age did not record it"
"""Why a fact that is read since lately is not known of an earlier run."""


class Reading(Struct, Generic[T], frozen=True):
    """A value, or the reason why there is none."""

    value: T | None = None
    reason: str | None = None
