"""The metric definitions, version 2: from the stamps of valid samples to the numbers of a cell.

One value per launch is a sum of tokens over a sum of times, never a mean of rates; one value per
cell is the geometric mean over launches. A pass over a scenario's prompts counts whole or not at
all, so that every launch is of the same work. A number that its samples cannot carry is withheld
with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from statistics import median
from typing import TypeAlias

from crossbench.analysis.cell import Cell
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.sample import Sample
from crossbench.analysis.work import Part, Rule, Work
from crossbench.journal.events import LaunchReady
from crossbench.statistics.percentile import pooled
from crossbench.statistics.pool import Pool
from crossbench.statistics.verdict import PRIMARY

DEFINITIONS = 2

LEAST_PREFILL_TOKENS = 256
"""Under this many computed prompt tokens the first token's decode dominates TTFT."""
LEAST_DECODE_TOKENS = 16
LEAST_DECODE_CHUNKS = 3
STAMP_ERRORS = 100
"""A decode time shorter than this many stamp errors is not measured, it is noise."""
PERCENTILES = (0.5, 0.95, 0.99)

Each: TypeAlias = Mapping[str, tuple[float, ...]]
"""Launch -> the value of each of its samples, in the order they were taken."""

_ttft: Part = attrgetter("ttft_s")
_e2e: Part = attrgetter("e2e_s")
_decode: Part = attrgetter("decode_s")
_later: Part = attrgetter("later_tokens")
_tokens: Part = attrgetter("tokens")
_chunks: Part = attrgetter("chunks")


def ratio_of_sums(
    name: str, unit: str, work: Work, over: Part, under: Part, rule: Rule, left_out: Sequence[str]
) -> Metric:
    """Sum of `over` by sum of `under` per launch, over the samples that `rule` lets pass.

    `rule` gives the reason to leave a sample out, or None; `left_out` tells of those that were
    before.
    """
    kept, dropped = work.kept(rule)
    below = kept.sums(under)
    launches = {launch: whole / below[launch] for launch, whole in kept.sums(over).items()}
    told = name in PRIMARY or len(launches) == 1
    return summarised(
        name,
        unit,
        launches=launches,
        repeats=_passes(kept, over, under) if told else {},
        reasons=[*dropped, *left_out],
    )


def _passes(work: Work, over: Part, under: Part) -> Mapping[str, list[float]]:
    """Launch -> the value of each of its passes, in order."""
    below = work.passes(under)
    return {
        launch: [part / whole for part, whole in zip(parts, below[launch], strict=True)]
        for launch, parts in work.passes(over).items()
    }


def cell_metrics(cell: Cell, ready: Mapping[str, LaunchReady]) -> list[Metric]:
    """All metrics of one cell, in the order a report shows them, from its valid samples."""
    whole = cell.whole
    work, left_out = Work(whole), _left_out(cell, whole)
    return [
        *(
            ratio_of_sums(name, unit, work, over, under, rule, left_out)
            for name, unit, over, under, rule in _ratios(cell, ready)
        ),
        *gap_percentiles(cell.gaps),
    ]


def raw(cell: Cell, ready: Mapping[str, LaunchReady]) -> Mapping[str, Each]:
    """What each sample of a cell gave, of the metrics that are ratios of sums."""
    work = Work(cell.whole)
    found = {
        name: {
            launch: tuple(over(sample) / under(sample) for sample in group)
            for launch, group in work.kept(rule)[0].launches.items()
        }
        for name, _, over, under, rule in _ratios(cell, ready)
    }
    return {name: each for name, each in found.items() if each}


def _ratios(
    cell: Cell, ready: Mapping[str, LaunchReady]
) -> Sequence[tuple[str, str, Part, Part, Rule]]:
    """Metric, its unit, what is summed over what, and which samples can carry it."""
    decode = decode_rule(ready)
    prefill = _crowded if cell.load is not None and cell.load.concurrency != 1 else _prefill_rule
    return [
        ("ttft_s", "s", _ttft, _one, _always),
        ("prefill_tps", "tokens/s", _computed, _ttft, prefill),
        ("tpot_s", "s", _decode, _later, decode),
        ("decode_tps", "tokens/s", _later, _decode, decode),
        ("e2e_s", "s", _e2e, _one, _always),
        ("e2e_tps", "tokens/s", _tokens, _e2e, _always),
        ("tokens_per_chunk", "tokens", _tokens, _chunks, _always),
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
    return percentiles("chunk_gap", gaps)


def percentiles(
    what: str,
    values: Mapping[str, Sequence[float]],
    fractions: Sequence[float] = PERCENTILES,
    left_out: Sequence[str] = (),
) -> list[Metric]:
    """The same of any seconds: `what_p50_s` and so on; `left_out` says of which there are none."""
    pool = Pool(values)
    return [_percentile(what, pool, fraction, left_out) for fraction in fractions]


def _percentile(what: str, pool: Pool, fraction: float, left_out: Sequence[str]) -> Metric:
    name = f"{what}_p{fraction * 100:.0f}_s"
    estimate = pooled(pool, fraction)
    if estimate.point is None:
        reasons = left_out if left_out and not pool.launches else (*estimate.reasons, *left_out)
        return summarised(name, "s", launches={}, reasons=reasons)
    each = {launch: pool.of(launch, fraction) for launch in pool.launches}
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
        reasons=tuple(left_out),
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


def _crowded(_: Sample) -> str:
    return "requests wait for each other, so that the first token's time is not prefill's alone"


def decode_rule(ready: Mapping[str, LaunchReady]) -> Rule:
    """Why a sample is too short to tell the time of a token; `ready`: worker -> its instrument."""
    return lambda sample: _decode_rule(sample, ready[sample.worker].instrument.p99_ns / 1e9)


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
