"""The scripts that the null engine is given, and how each is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crossbench.api import Request
from crossbench.instrument.model import MOST_STREAMS, Script
from crossbench.worker.protocol import Measure

STREAMS = (1, 16, 64, MOST_STREAMS)
TOKENS_PER_CHUNK = (1, 8)
TPOT_S = (0.0001, 0.001, 0.01, 0.05)
USUAL_TPOT_S = 0.02
"""50 tokens a second, faster than one reads."""
TRIAL_S = 0.8
SHORT_S = 0.3
SINGLE = Script(streams=1, tpot_s=0.01, chunks=8, ttft_s=0.02, repeats=5)
"""One request after the other, in half a second."""
LEAST_CHUNKS = 5
MOST_CHUNKS = 20_000
"""Of all streams: what is too much for the instrument is given up soon."""
NO_TIME_S = 1e-7


def grid() -> Iterator[Script]:
    """Every number of streams, of tokens per chunk and of seconds per token."""
    for streams in STREAMS:
        for tokens in TOKENS_PER_CHUNK:
            for tpot_s in TPOT_S:
                yield script(streams, tpot_s, TRIAL_S, tokens_per_chunk=tokens)


def script(streams: int, tpot_s: float, seconds: float, *, tokens_per_chunk: int = 1) -> Script:
    """A script of about so many seconds, bounded by its chunks."""
    fitting = round(seconds / (tpot_s * tokens_per_chunk))
    chunks = max(LEAST_CHUNKS, min(fitting, MOST_CHUNKS // streams))
    return Script(streams=streams, tokens_per_chunk=tokens_per_chunk, tpot_s=tpot_s, chunks=chunks)


def flood(streams: int) -> Script:
    """Chunks as fast as they are taken."""
    return script(streams, NO_TIME_S, SHORT_S)


def options(script: Script) -> dict[str, Any]:
    """Those of the null engine."""
    return {
        "style": "async",
        "stamped": True,
        "ttft_s": script.ttft_s,
        "tpot_s": script.tpot_s,
        "tokens_per_chunk": script.tokens_per_chunk,
    }


def measure(script: Script) -> Measure:
    """One request of each stream. A single one is asked for as an open loop of one arrival, so
    that the event loop is watched as with many; several of one stream as a run without load asks
    for them."""
    requests = tuple(
        Request(id=str(number), prompt_ids=(1, 2, 3), max_tokens=script.tokens)
        for number in range(script.streams * script.repeats)
    )
    if script.repeats > 1:
        return Measure(requests=requests)
    if script.streams == 1:
        return Measure(requests=requests, arrivals_ns=(0,))
    return Measure(requests=requests, streams=script.streams)
