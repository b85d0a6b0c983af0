"""One target while it was timed: its workers, what was read beside each, and the cards it used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from crossbench.analysis.span import Span
from crossbench.analysis.unread import unread
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import NvidiaDevice
from crossbench.machine.reading import Reading

Gpus: TypeAlias = Mapping[str, tuple[str, NvidiaDevice]]
"""Name -> UUID and facts of cards."""


class Timed(Struct, frozen=True, kw_only=True):
    """All that is looked at for one target."""

    target: str
    launches: Sequence[str]
    """Its workers, in order."""
    by_launch: Mapping[str, Span]
    """Of those that were watched."""
    gpus: Gpus
    """Those it used; all of the machine's where that is not known."""
    machine: Machine
    """As it was when the run was planned."""
    seen: Mapping[str, Reading[Machine]]
    """Worker -> the machine just before it was started, where it was read."""
    absent: str | None
    """Why nothing was read in the whole run; None where something was."""

    @property
    def spans(self) -> Sequence[Span]:
        """In the order of its workers."""
        return [self.by_launch[each] for each in self.launches if each in self.by_launch]

    def read(self, device: str, quantity: str) -> list[float]:
        """All readings of a channel while it was timed."""
        return [value for span in self.spans for value in span.read(device, quantity)]

    def unread(self, probe: str, *channels: tuple[str, str]) -> str:
        """Why none of these channels, which that probe reads, tells anything."""
        return unread(self.spans, probe, *channels, absent=self.absent)
