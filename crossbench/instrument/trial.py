"""From the records of a trial to the errors of what was measured: pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossbench.errors import InstrumentFailure
from crossbench.instrument.model import Error, Script, Trial
from crossbench.testing.null import STAMP_DIGITS
from crossbench.worker.protocol import Measured, Record

NS = 1e9
Seconds = NDArray[np.float64]


def judged(script: Script, measured: Measured) -> Trial:
    """Hold what the driver saw against the script. Raises InstrumentFailure for a failed request.

    The script is the truth, and not the moment at which the null engine came to a chunk: that
    engine shares the event loop, and a loop that is late holds it up, where a real one goes on.
    """
    records, strain = measured.records, measured.strain
    for record in records:
        if record.failure is not None or len(record.stamps_ns) != script.chunks:
            told = record.failure.message if record.failure else "it lacks chunks"
            raise InstrumentFailure(f"a request to the null engine failed: {told}")
    if strain is None and script.repeats == 1:
        raise InstrumentFailure("the worker did not tell how busy its event loop was")
    stamps = np.array([record.stamps_ns for record in records]) / NS
    first, last = stamps[:, 0], stamps[:, -1]
    begun = np.array([record.t0_ns for record in records]) / NS
    together = (begun + last).max() - (begun + first).min()
    span_s = float((last - first).sum() if script.repeats > 1 else together)
    later = script.tokens - script.tokens_per_chunk
    return Trial(
        script=script,
        ttft=_error(first, script.ttft_s),
        tpot=_error((last - first) / later, script.tpot_s),
        gap=_error(np.diff(stamps, axis=1), script.gap_s),
        handover_p99_s=_p99(_handovers(records)),
        lag_p99_s=strain.lag_p99_ns / NS if strain else None,
        tokens_per_s=later * len(records) / span_s,
        cpu_s=strain.loop_ns / NS * 1000 / (script.tokens * len(records)) if strain else None,
    )


def _error(found: Seconds, scripted: float) -> Error:
    off = found - scripted
    return Error(bias=float(off.mean()) / scripted, p99_s=_p99(np.abs(off)))


def _p99(values: Seconds) -> float:
    return float(np.quantile(values, 0.99, method="higher"))


def _handovers(records: Sequence[Record]) -> Seconds:
    """From letting go to stamp; the null engine writes the former into each chunk's text."""
    late: list[int] = []
    for record in records:
        text = record.text or ""
        let_go = [int(text[at : at + STAMP_DIGITS]) for at in range(0, len(text), STAMP_DIGITS)]
        stamps = [record.t0_ns + stamp for stamp in record.stamps_ns]
        late.extend(stamp - went for stamp, went in zip(stamps, let_go, strict=True))
    return np.array(late) / NS
