"""What was found of the instrument on this machine, for a run's journal and for people."""

from __future__ import annotations

from msgspec import Struct

BIAS = 0.05
"""The instrument carries a load up to which its own bias of TPOT is at most this."""
MOST_STREAMS = 256
"""Nothing is tried with more."""


class Script(Struct, frozen=True, kw_only=True):
    """What the null engine does in one trial: all streams begin together, each answers once."""

    streams: int
    tokens_per_chunk: int = 1
    tpot_s: float
    chunks: int
    """Of each stream."""
    ttft_s: float = 0.05
    repeats: int = 1
    """Requests of each stream; several are of a single one, one after the other as a run without
    load makes them."""

    @property
    def tokens(self) -> int:
        """Of each stream."""
        return self.chunks * self.tokens_per_chunk

    @property
    def gap_s(self) -> float:
        """From chunk to chunk."""
        return self.tokens_per_chunk * self.tpot_s

    @property
    def tokens_per_s(self) -> float:
        """Of all streams."""
        return self.streams / self.tpot_s


class Error(Struct, frozen=True, kw_only=True):
    """How far a time as it was measured lay from the time in the script."""

    bias: float
    """The mean error as a share of the scripted time."""
    p99_s: float
    """99th percentile of the error, without its sign; of fewer than 100 the worst."""


class Trial(Struct, frozen=True, kw_only=True):
    """One script, as it was measured."""

    script: Script
    ttft: Error
    tpot: Error
    gap: Error
    """Between chunks."""
    handover_p99_s: float
    """From the moment the null engine let a chunk go to its stamp, 99th percentile."""
    lag_p99_s: float | None
    """How late the event loop came to a timer, 99th percentile; None where requests came one at a
    time, and nobody looked."""
    tokens_per_s: float
    """Of all streams, as they came."""
    cpu_s: float | None
    """Processor time per 1,000 tokens of the thread that drives them; the null engine's own share,
    which runs in it too, included. None as the lag."""


class Capacity(Struct, frozen=True, kw_only=True):
    """The most that the instrument carries with so many streams, at a bias of at most `BIAS`."""

    streams: int
    chunks_per_s: float
    """Of all streams: tokens per second where each chunk holds one. 0 where no load was carried."""


class Figures(Struct, frozen=True, kw_only=True):
    """The trials of one sitting, and what they show to be the limit."""

    trials: tuple[Trial, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    failure: str = ""
    """Why there are none."""
