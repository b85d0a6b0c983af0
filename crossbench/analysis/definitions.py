"""The metric definitions, version 1: from the stamps of valid samples to the numbers of a cell.

One value per launch is a sum of tokens over a sum of times, never a mean of rates; one value per
cell is the geometric mean over launches. A number that its samples cannot carry is withheld with
the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.samples import Cell, Sample, by_launch
from crossbench.journal import LaunchReady

DEFINITIONS = 1

LEAST_PREFILL_TOKENS = 256
"""Under this many computed prompt tokens the first token's decode dominates TTFT."""
LEAST_DECODE_TOKENS = 16
LEAST_DECODE_CHUNKS = 3
STAMP_ERRORS = 100
"""A decode time shorter than this many stamp errors is not measured, it is noise."""
MEDIAN = 0.5
LEAST_FOR_PERCENTILE = {MEDIAN: 1, 0.95: 72, 0.99: 368}
"""Percentile p -> least n with 1 - p**n >= 0.975, so that its 95 % interval has an upper end."""

Part: TypeAlias = Callable[[Sample], float]
Rule: TypeAlias = Callable[[Sample], str | None]


def ratio_of_sums(
    name: str, unit: str, samples: Sequence[Sample], over: Part, under: Part, rule: Rule
) -> Metric:
    """Sum of `over` by sum of `under` per launch, over the samples that `rule` lets pass.

    `rule` gives the reason to leave a sample out, or None.
    """
    judged = [(sample, rule(sample)) for sample in samples]
    kept = [sample for sample, reason in judged if reason is None]
    dropped = [reason for _, reason in judged if reason is not None]
    reasons = [_told(reason, dropped.count(reason), len(samples)) for reason in dropped]
    if not samples:
        reasons = ["no valid sample"]
    return summarised(
        name,
        unit,
        launches={
            launch: sum(map(over, group)) / sum(map(under, group))
            for launch, group in by_launch(kept).items()
        },
        repeats=[over(sample) / under(sample) for sample in kept],
        reasons=reasons,
    )


def _told(reason: str, count: int, of: int) -> str:
    return reason if count == of else f"{reason} ({count} of {of} samples)"


def cell_metrics(cell: Cell, ready: Mapping[str, LaunchReady]) -> list[Metric]:
    """All metrics of one cell, in the order a report shows them, from its valid samples."""
    samples = cell.valid

    def decode(sample: Sample) -> str | None:
        return _decode_rule(sample, ready[sample.worker].instrument.p99_ns / 1e9)

    return [
        ratio_of_sums("ttft_s", "s", samples, _ttft, _one, _always),
        ratio_of_sums("prefill_tps", "tokens/s", samples, _computed, _ttft, _prefill_rule),
        ratio_of_sums("tpot_s", "s", samples, _decode, _later, decode),
        ratio_of_sums("decode_tps", "tokens/s", samples, _later, _decode, decode),
        ratio_of_sums("e2e_s", "s", samples, _e2e, _one, _always),
        ratio_of_sums("e2e_tps", "tokens/s", samples, _tokens, _e2e, _always),
        ratio_of_sums("tokens_per_chunk", "tokens", samples, _tokens, _chunks, _always),
        *gap_percentiles(cell.gaps),
    ]


def gap_percentiles(gaps: Mapping[str, Sequence[float]]) -> list[Metric]:
    """Percentiles of the seconds between chunks, pooled over launches.

    Launch values are those launches' own percentiles, for the spread. A percentile is withheld
    below the number of gaps it needs, and above the median when a single launch stands behind it,
    because the gaps of one process are not independent.
    """
    groups = {launch: np.asarray(values) for launch, values in gaps.items() if len(values)}
    pooled = np.concatenate(list(groups.values())) if groups else np.empty(0)
    return [_gap_percentile(groups, pooled, fraction) for fraction in LEAST_FOR_PERCENTILE]


def _gap_percentile(
    groups: Mapping[str, NDArray[np.float64]], pooled: NDArray[np.float64], fraction: float
) -> Metric:
    name = f"chunk_gap_p{fraction * 100:.0f}_s"
    least = LEAST_FOR_PERCENTILE[fraction]
    reasons = []
    if len(pooled) < least:
        reasons.append(f"fewer than {least} gaps between chunks")
    elif fraction > MEDIAN and len(groups) < 2:
        reasons.append("it needs 2 launches, as the gaps of one are not independent")
    if reasons:
        return summarised(name, "s", launches={}, reasons=reasons)
    value = float(np.quantile(pooled, fraction))
    each = {launch: float(np.quantile(values, fraction)) for launch, values in groups.items()}
    return Metric(
        name=name,
        unit="s",
        kind="measured",
        value=value,
        n=len(each),
        launches=each,
        low=min(each.values()),
        high=max(each.values()),
    )


def cache_state(samples: Sequence[Sample]) -> str:
    """ "cold" when the engine proved that it computed every prompt token, "warm" or "unproven"."""
    cached = [sample.cached for sample in samples]
    if any(count is not None and count > 0 for count in cached):
        return "warm"
    return "unproven" if not cached or None in cached else "cold"


def load_metrics(launches: Sequence[LaunchReady], first: Mapping[str, float]) -> list[Metric]:
    """How long a target takes to be ready, and how much slower its first request is.

    `load_s` runs from the start of the worker to the session being ready; `engine_load_s` is the
    part of it that the engine's own load took; `first` gives `first_request_ratio` per launch.
    """
    missing = [] if launches else ["no launch became ready"]
    whole = {
        ready.launch: (ready.start_ns + ready.import_ns + ready.load_ns) / 1e9 for ready in launches
    }
    engine = {ready.launch: ready.load_ns / 1e9 for ready in launches}
    unknown = [] if first else ["no launch has both a warm-up and timed samples"]
    return [
        summarised("load_s", "s", launches=whole, reasons=missing),
        summarised("engine_load_s", "s", launches=engine, reasons=missing),
        summarised("first_request_ratio", "x", kind="derived", launches=first, reasons=unknown),
    ]


def first_request_ratio(first: Sample, timed: Sequence[Sample]) -> float | None:
    """Time of a worker's first request over the median of its timed ones on the same prompt.

    None where it served no other.
    """
    steady = [
        sample.e2e_s
        for sample in timed
        if (sample.worker, sample.prompt) == (first.worker, first.prompt)
        and sample.line != first.line
    ]
    return first.e2e_s / median(steady) if steady and first.fault is None else None


def _ttft(sample: Sample) -> float:
    return sample.ttft_s


def _e2e(sample: Sample) -> float:
    return sample.e2e_s


def _decode(sample: Sample) -> float:
    return sample.decode_s


def _later(sample: Sample) -> float:
    return sample.later_tokens


def _tokens(sample: Sample) -> float:
    return sample.tokens


def _chunks(sample: Sample) -> float:
    return sample.chunks


def _computed(sample: Sample) -> float:
    return sample.prompt_tokens - (sample.cached or 0)


def _one(_: Sample) -> float:
    return 1.0


def _always(_: Sample) -> None:
    return None


def _prefill_rule(sample: Sample) -> str | None:
    if sample.cached is None:
        return "cache state unproven"
    if _computed(sample) < LEAST_PREFILL_TOKENS:
        return f"fewer than {LEAST_PREFILL_TOKENS} prompt tokens were computed"
    return None


def _decode_rule(sample: Sample, stamp_error_s: float) -> str | None:
    if sample.later_tokens < LEAST_DECODE_TOKENS:
        return f"fewer than {LEAST_DECODE_TOKENS} tokens after the first chunk"
    if sample.chunks < LEAST_DECODE_CHUNKS:
        return f"fewer than {LEAST_DECODE_CHUNKS} chunks"
    if sample.decode_s < STAMP_ERRORS * stamp_error_s:
        return f"decode time under {STAMP_ERRORS} stamp errors"
    return None
