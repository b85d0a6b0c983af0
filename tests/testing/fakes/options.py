"""The fake engine's options."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class FakeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    threads: Annotated[int, Meta(ge=1, le=4)] = 1


class LooseOptions(Struct, frozen=True, kw_only=True):
    threads: Annotated[int, Meta(ge=1, le=4)] = 1


class UnboundOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    threads: int = 1


class UntypedOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    threads: object = 1
