"""What one level of load gives: throughput, percentiles of what each request waited, goodput.

The speed of a single user is the cell's `decode_tps`, as without load. Times are of all requests,
also those before and after the steady window: leaving out the ones that were still waiting when it
ended would leave out the slowest. A request of an open loop counts from when it was due, whenever
it was handed over, so that an engine which falls behind cannot slow down its own clock.

Percentiles, goodput and the share that met the SLO are of all launches pooled: a single launch may
have too few requests for a percentile, and none that met the SLO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from crossbench.analysis.cell import Cell
from crossbench.analysis.definitions import decode_rule, percentiles
from crossbench.analysis.goodput import meets
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.passes import Pass, counting
from crossbench.analysis.sample import Sample
from crossbench.analysis.window import steady, tokens_in
from crossbench.analysis.work import Work
from crossbench.journal.events import LaunchReady
from crossbench.statistics.interval import Estimate, Interval
from crossbench.statistics.share import rate, share
from crossbench.suite.model import Load
from crossbench.suite.shape import STEADY
from crossbench.suite.tables.scenario import Slo

DELAYS = (0.5, 0.99)
NEVER = "no pass under load was finished undisturbed"
UNANSWERED = "no request was answered as asked"
SHORT = f"its steady window holds fewer than {STEADY} requests of each stream"


def level_metrics(cell: Cell, ready: Mapping[str, LaunchReady]) -> list[Metric]:
    """Of a cell under load; none of any other."""
    if cell.load is None:
        return []
    passes = counting(cell.passes)
    return [
        _throughput(passes, cell.load),
        _whole("throughput_whole_tps", "tokens/s", passes, _tokens),
        _whole("requests_per_s", "requests/s", passes, lambda taken: len(taken.valid)),
        *_waits(passes, ready),
        *(_delays(passes) if cell.load.rate is not None else []),
        *(_goodput(passes, cell.load.slo) if cell.load.slo else []),
    ]


def _throughput(passes: Mapping[str, Sequence[Pass]], load: Load) -> Metric:
    """Tokens that came in the steady windows over their lengths."""
    each: dict[str, list[tuple[float, float]]] = {}
    for launch, group in passes.items():
        for taken in group:
            if window := steady(taken, load):
                told = (tokens_in(taken, window), window.seconds)
                each.setdefault(launch, []).append(told)
    steadied, made = (sum(map(len, groups.values())) for groups in (each, passes))
    short = SHORT if not steadied else f"{SHORT} ({made - steadied} of {made} passes)"
    return summarised(
        "throughput_tps",
        "tokens/s",
        launches={launch: _ratio(parts) for launch, parts in each.items()},
        repeats={launch: [_ratio([part]) for part in parts] for launch, parts in each.items()},
        reasons=[NEVER] if not made else [short] if steadied < made else [],
    )


def _whole(
    name: str, unit: str, passes: Mapping[str, Sequence[Pass]], count: Callable[[Pass], float]
) -> Metric:
    """Over whole passes, their beginning and their end included."""
    each = {
        launch: [(count(taken), taken.seconds) for taken in group if taken.valid]
        for launch, group in passes.items()
    }
    return summarised(
        name,
        unit,
        launches={launch: _ratio(parts) for launch, parts in each.items() if parts},
        reasons=[] if passes else [NEVER],
    )


def _tokens(taken: Pass) -> float:
    return sum(sample.tokens for sample in taken.valid)


def _ratio(parts: Sequence[tuple[float, float]]) -> float:
    """Sum over sum; zero where no time passed, which no metric takes for a value."""
    seconds = sum(under for _, under in parts)
    return sum(over for over, _ in parts) / seconds if seconds else 0.0


def _waits(passes: Mapping[str, Sequence[Pass]], ready: Mapping[str, LaunchReady]) -> list[Metric]:
    """Percentiles over requests, pooled over launches."""
    every = [sample for group in passes.values() for taken in group for sample in taken.valid]
    answered = Work(every)
    long, short = answered.kept(decode_rule(ready))
    each = _of(long.launches, lambda sample: sample.decode_s / sample.later_tokens)
    return [
        *percentiles("ttft", _of(answered.launches, lambda sample: sample.ttft_s)),
        *percentiles("tpot", each, left_out=short),
        *percentiles("e2e", _of(answered.launches, lambda sample: sample.e2e_s)),
    ]


def _delays(passes: Mapping[str, Sequence[Pass]]) -> list[Metric]:
    """How long after they were due requests were handed to the engine."""
    every = {
        launch: [sample for taken in group for sample in taken.samples]
        for launch, group in passes.items()
    }
    return percentiles("delay", _of(every, lambda sample: sample.delay_s), DELAYS)


def _of(
    groups: Mapping[str, Sequence[Sample]], seconds: Callable[[Sample], float]
) -> Mapping[str, Sequence[float]]:
    return {launch: [seconds(sample) for sample in group] for launch, group in groups.items()}


def _goodput(passes: Mapping[str, Sequence[Pass]], slo: Slo) -> list[Metric]:
    """Requests that met the SLO: each second, and as a share of all, failed ones included."""
    counts = {launch: _counts(group, slo) for launch, group in passes.items()}
    answered = {launch: each for launch, each in counts.items() if each.answered and each.seconds}
    good = rate(
        [each.met for each in answered.values()],
        [each.answered for each in answered.values()],
        [each.seconds for each in answered.values()],
    )
    kept = share(
        [each.met for each in counts.values()], [each.requests for each in counts.values()]
    )
    seconds = {launch: each.met / each.seconds for launch, each in answered.items()}
    parts = {launch: each.met / each.requests for launch, each in counts.items()}
    none = NEVER if not counts else UNANSWERED
    return [
        _together("goodput_rps", "requests/s", good, seconds, none),
        _together("slo_attainment", "%", kept, parts, NEVER, scale=100.0),
    ]


class Counts(Struct, frozen=True, kw_only=True):
    """The requests of one launch."""

    met: int
    answered: int
    requests: int
    seconds: float


def _counts(passes: Sequence[Pass], slo: Slo) -> Counts:
    return Counts(
        met=sum(meets(sample, slo) for taken in passes for sample in taken.samples),
        answered=sum(len(taken.valid) for taken in passes),
        requests=sum(len(taken.samples) for taken in passes),
        seconds=sum(taken.seconds for taken in passes),
    )


def _together(
    name: str,
    unit: str,
    found: Estimate,
    launches: Mapping[str, float],
    none: str,
    *,
    scale: float = 1.0,
) -> Metric:
    """Of all launches together: some may have none, of which no logarithm could be taken."""
    if found.point is None:
        return summarised(name, unit, launches={}, reasons=[none])
    each = {launch: scale * value for launch, value in launches.items()}
    ends = found.interval
    return Metric(
        name=name,
        unit=unit,
        kind="derived",
        value=scale * found.point,
        valid=True,
        n=len(each),
        launches=each,
        ci95=Interval(scale * ends.low, scale * ends.high, ends.level) if ends else None,
        no_interval="; ".join(found.reasons) or None,
        low=min(each.values()),
        high=max(each.values()),
    )
