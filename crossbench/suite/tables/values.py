"""Values that keys of several tables take, and what every table is."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from msgspec import Meta, Struct

NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$"
NAME_RULE = (
    "1 to 64 letters, digits, dots, dashes and underscores, beginning and ending with a "
    "letter or digit"
)
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description=NAME_RULE)]

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
PromptCount = Annotated[int, Meta(ge=8, le=10_000_000)]
TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Streams = Annotated[int, Meta(ge=1, le=4096)]
Replicas = Annotated[int, Meta(ge=1, le=64)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]
T = TypeVar("T")
Filled: TypeAlias = Annotated[list[T], Meta(min_length=1)]
"""A list with at least one entry."""
Matrix: TypeAlias = T | Filled[T]
"""A scalar, or a list of scalars that makes one variant each."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: every key is known, or it is an error."""
