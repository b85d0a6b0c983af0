"""The metric definitions, version 2: from the stamps of valid samples to the numbers of a cell.

One value per launch is a sum of tokens over a sum of times, never a mean of rates; one value per
cell is the geometric mean over launches. A pass over a scenario's prompts counts whole or not at
all, so that every launch is of the same work. A number that its samples cannot carry is withheld
with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.samples import Cell, Sample, by_launch
from crossbench.journal import LaunchReady
from crossbench.statistics.percentile import pooled, quantile

DEFINITIONS = 2

LEAST_PREFILL_TOKENS = 256
"""Under this many computed prompt tokens the first token's decode dominates TTFT."""
LEAST_DECODE_TOKENS = 16
LEAST_DECODE_CHUNKS = 3
STAMP_ERRORS = 100
"""A decode time shorter than this many stamp errors is not measured, it is noise."""
PERCENTILES = (0.5, 0.95, 0.99)

Part: TypeAlias = Callable[[Sample], float]
Rule: TypeAlias = Callable[[Sample], str | None]


def ratio_of_sums(
    name: str,
    unit: str,
    samples: Sequence[Sample],
    over: Part,
    under: Part,
    rule: Rule,
    left_out: Sequence[str] = (),
) -> Metric:
    """Sum of `over` by sum of `under` per launch, over the samples that `rule` lets pass.

    `rule` gives the reason to leave a sample out, or None; `left_out` tells of those that were
    before.
    """
    kept: list[Sample] = []
    dropped: Counter[str] = Counter()
    for sample in samples:
        reason = rule(sample)
        if reason is None:
            kept.append(sample)
        else:
            dropped[reason] += 1
    groups = by_launch(kept)
    return summarised(
        name,
        unit,
        launches={
            launch: sum(map(over, group)) / sum(map(under, group))
            for launch, group in groups.items()
        },
        repeats={launch: _passes(group, over, under) for launch, group in groups.items()},
        reasons=[*(_told(*each, len(samples)) for each in dropped.items()), *left_out],
    )


def _passes(samples: Sequence[Sample], over: Part, under: Part) -> list[float]:
    """The value of each pass of one launch, in order."""
    sums: dict[int, tuple[float, float]] = {}
    for sample in samples:
        before = sums.get(sample.repeat, (0.0, 0.0))
        sums[sample.repeat] = (before[0] + over(sample), before[1] + under(sample))
    return [numerator / denominator for numerator, denominator in sums.values()]


def _told(reason: str, count: int, of: int) -> str:
    return reason if count == of else f"{reason} ({count} of {of} samples)"


def cell_metrics(cell: Cell, ready: Mapping[str, LaunchReady]) -> list[Metric]:
    """All metrics of one cell, in the order a report shows them, from its valid samples."""

    def decode(sample: Sample) -> str | None:
        return _decode_rule(sample, ready[sample.worker].instrument.p99_ns / 1e9)

    whole = cell.whole
    left_out = _left_out(cell, whole)
    ratios: Sequence[tuple[str, str, Part, Part, Rule]] = [
        ("ttft_s", "s", _ttft, _one, _always),
        ("prefill_tps", "tokens/s", _computed, _ttft, _prefill_rule),
        ("tpot_s", "s", _decode, _later, decode),
        ("decode_tps", "tokens/s", _later, _decode, decode),
        ("e2e_s", "s", _e2e, _one, _always),
        ("e2e_tps", "tokens/s", _tokens, _e2e, _always),
        ("tokens_per_chunk", "tokens", _tokens, _chunks, _always),
    ]
    return [
        *(
            ratio_of_sums(name, unit, whole, over, under, rule, left_out)
            for name, unit, over, under, rule in ratios
        ),
        *gap_percentiles(cell.gaps),
    ]


def _left_out(cell: Cell, whole: Sequence[Sample]) -> list[str]:
    """Why there are fewer samples than were taken."""
    valid = len(cell.valid)
    if not valid:
        return ["no valid sample"]
    torn = valid - len(whole)
    return [f"passes that lack a prompt are left out ({torn} samples)"] if torn else []


def gap_percentiles(gaps: Mapping[str, Sequence[float]]) -> list[Metric]:
    """Percentiles of the seconds between chunks, pooled over launches.

    Launch values are those launches' own percentiles, for the spread. A percentile is withheld
    below the number of gaps it needs, and above the median when a single launch stands behind it,
    because the gaps of one process are not independent.
    """
    groups = {launch: values for launch, values in gaps.items() if len(values)}
    return [_gap_percentile(groups, fraction) for fraction in PERCENTILES]


def _gap_percentile(groups: Mapping[str, Sequence[float]], fraction: float) -> Metric:
    name = f"chunk_gap_p{fraction * 100:.0f}_s"
    estimate = pooled(groups, fraction)
    if estimate.point is None:
        return summarised(name, "s", launches={}, reasons=estimate.reasons)
    each = {launch: quantile(values, fraction) for launch, values in groups.items()}
    return Metric(
        name=name,
        unit="s",
        kind="measured",
        value=estimate.point,
        valid=True,
        n=len(each),
        launches=each,
        ci95=estimate.interval,
        no_interval="; ".join(estimate.reasons) or None,
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
    if sample.decode_s <= 0:
        return "first and last chunk came at the same time"
    if sample.decode_s < STAMP_ERRORS * stamp_error_s:
        return f"decode time under {STAMP_ERRORS} stamp errors"
    return None
