"""What one level of load gives: throughput, percentiles of what each request waited, goodput.

The speed of a single user is the cell's `decode_tps`, as without load. Times are of all requests,
also those before and after the steady window: leaving out the ones that were still waiting when it
ended would leave out the slowest. A request of an open loop counts from when it was due, whenever
it was handed over, so that an engine which falls behind cannot slow down its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from crossbench.analysis.definitions import decode_rule, percentiles
from crossbench.analysis.goodput import meets
from crossbench.analysis.metric import Metric, summarised
from crossbench.analysis.passes import Pass, counting
from crossbench.analysis.sample import Sample
from crossbench.analysis.samples import Cell
from crossbench.analysis.window import steady, tokens_in
from crossbench.journal import LaunchReady
from crossbench.suite.model import Load
from crossbench.suite.schema import Slo
from crossbench.suite.shape import STEADY

DELAYS = (0.5, 0.99)
NEVER = "no pass under load was finished undisturbed"
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
    answered = {
        launch: [sample for taken in group for sample in taken.valid]
        for launch, group in passes.items()
    }
    rule = decode_rule(ready)
    long = {
        launch: [sample for sample in group if rule(sample) is None]
        for launch, group in answered.items()
    }
    reasons = dict.fromkeys(
        reason for group in answered.values() for sample in group if (reason := rule(sample))
    )
    return [
        *percentiles("ttft", _of(answered, lambda sample: sample.ttft_s)),
        *percentiles("tpot", _of(long, lambda s: s.decode_s / s.later_tokens), left_out=[*reasons]),
        *percentiles("e2e", _of(answered, lambda sample: sample.e2e_s)),
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
    met = {
        launch: sum(meets(sample, slo) for taken in group for sample in taken.samples)
        for launch, group in passes.items()
    }
    seconds = {launch: sum(taken.seconds for taken in group) for launch, group in passes.items()}
    every = {launch: sum(len(taken.samples) for taken in group) for launch, group in passes.items()}
    good = {launch: count / seconds[launch] for launch, count in met.items() if seconds[launch]}
    if good and all(good.values()):
        goodput = summarised("goodput_rps", "requests/s", kind="derived", launches=good)
    else:
        goodput = _counted("goodput_rps", "requests/s", met, seconds)
    share = {launch: 100.0 * count for launch, count in met.items()}
    return [goodput, _counted("slo_attainment", "%", share, every)]


def _counted(name: str, unit: str, over: Mapping[str, float], under: Mapping[str, float]) -> Metric:
    """Of all launches together: some may have none, of which no logarithm could be taken."""
    each = {launch: over[launch] / under[launch] for launch in over if under[launch]}
    if not each:
        return summarised(name, unit, launches={}, reasons=[NEVER])
    return Metric(
        name=name,
        unit=unit,
        kind="derived",
        value=sum(over[launch] for launch in each) / sum(under[launch] for launch in each),
        valid=True,
        n=len(each),
        launches=each,
        no_interval="it is a count of all launches together" if len(each) > 1 else None,
        low=min(each.values()),
        high=max(each.values()),
    )
