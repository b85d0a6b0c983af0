"""Protocols that go by a name, and what a suite changes of the one it takes."""

from __future__ import annotations

from msgspec import Struct

from crossbench.suite.model import Protocol
from crossbench.suite.tables.protocol import Profile, ProtocolTable


class Preset(Struct, frozen=True):
    """What a profile stands for."""

    launches: int
    repeats: int
    warmups: int
    burn_in: int
    sentinel: bool
    energy: bool


PRESETS: dict[Profile, Preset] = {
    "quick": Preset(launches=1, repeats=3, warmups=1, burn_in=0, sentinel=False, energy=False),
    "default": Preset(launches=4, repeats=3, warmups=3, burn_in=1, sentinel=True, energy=True),
    "publish": Preset(launches=6, repeats=5, warmups=3, burn_in=1, sentinel=True, energy=True),
}


def protocol(table: ProtocolTable, profile: Profile | None) -> Protocol:
    """The protocol of a suite; a profile from the command line beats all that presets tell."""
    preset = PRESETS[profile or table.profile]
    written = ProtocolTable() if profile else table
    return Protocol(
        profile=profile or table.profile,
        launches=preset.launches if written.launches is None else written.launches,
        repeats=preset.repeats if written.repeats is None else written.repeats,
        warmups=preset.warmups if written.warmups is None else written.warmups,
        burn_in=preset.burn_in if written.burn_in is None else written.burn_in,
        sentinel=preset.sentinel if written.sentinel is None else written.sentinel,
        energy=preset.energy if written.energy is None else written.energy,
        cool_down_s=table.cool_down_s,
        start_below_c=table.start_below_c,
        seed=table.seed,
        deadlines=table.deadlines,
    )
