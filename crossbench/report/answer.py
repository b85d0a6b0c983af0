"""What came out, in three lines of words: two speeds against the baseline, and quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from crossbench.comparison.compare import Compared
from crossbench.report.company_model import Interference
from crossbench.report.headline import Column, columns, metric_of
from crossbench.report.labels import machine_facts
from crossbench.report.model import Report
from crossbench.report.quality_model import QualityReport
from crossbench.report.views import run_of, views
from crossbench.report.weights import bits
from crossbench.report.words import TITLES, counted, multiple, plain, shortened, value
from crossbench.statistics.logmean import Interval

DOES: Mapping[str, str] = {
    "decode_tps": "decodes",
    "prefill_tps": "prefills",
    "ttft_s": "gives its first token",
    "throughput_tps": "serves",
}
MOST = 4
"""Targets named in one line; the tables have all."""
MOST_LETTERS = 32
"""Of a command that worked beside."""
CERTAIN = ("faster", "slower")
UNNAMED = (
    ("tie", "tied with it"),
    ("inconclusive", "undecided"),
    ("refused", "not comparable"),
    ("unmeasured", "not measured"),
)


class Faster(Struct, frozen=True, kw_only=True):
    """A target that is certainly faster or slower than the baseline."""

    name: str
    times: float
    """As fast as the baseline: above 1 is faster, of a time as of a rate."""
    interval: Interval
    paired: bool


def answer(report: Report) -> tuple[str, ...]:
    """Plain text, a line each."""
    rates = [each for each in columns(report) if each.metric != "ttft_s"]
    chosen = rates if len(rates) > 1 else columns(report)
    beside = list(_beside(report))
    speeds = [_speed(report, column) for column in chosen[: 2 - len(beside)]]
    return (*beside, *speeds, _quality(report))


def _beside(report: Report) -> Iterator[str]:
    """What another job costs, where one worked beside a scenario."""
    found = [
        (each, rate)
        for view in views(report)
        for each in view.report.interference
        if (rate := _rate(each)) is not None
    ]
    certain = [pair for pair in found if pair[1].verdict in CERTAIN]
    if certain:
        yield f"Beside another job than alone: {_some([_cost(*pair) for pair in certain])}."
    elif found:
        jobs = dict.fromkeys(each.background for each, _ in found)
        told = _some([_beneath(job, found) for job in jobs])
        yield f"Beside another job nothing is certainly slower than alone; undecided: {told}."


def _beneath(background: str, found: Sequence[tuple[Interference, Compared]]) -> str:
    """How fast its targets are beside it, over alone."""
    ratios = [rate.ratio for each, rate in found if each.background == background and rate.ratio]
    points = sorted(ratio.point for ratio in ratios if ratio.point is not None)
    told = (
        " to ".join(multiple(each) for each in dict.fromkeys((points[0], points[-1])))
        if points
        else "unknown"
    )
    return f"{told} times as fast beside {_job(background)}"


def _rate(each: Interference) -> Compared | None:
    """Of many users what all get, of one its decode."""
    found = {rate.metric: rate for rate in (each.comparison.metrics if each.comparison else ())}
    return found.get("throughput_tps", found.get("decode_tps"))


def _cost(each: Interference, found: Compared) -> str:
    name = f"{each.target} beside {_job(each.background)}"
    if found.ratio is None or found.ratio.point is None:
        return f"{name} {found.verdict}"
    span = found.ratio.ci95
    within = f" ({multiple(span.low)} to {multiple(span.high)})" if span else ""
    return f"{name} {DOES[found.metric]} {multiple(found.ratio.point)} times as fast{within}"


def _speed(report: Report, column: Column) -> str:
    found = {
        each.target: compared
        for each in report.comparisons
        if each.scenario == column.scenario
        for compared in each.metrics
        if compared.metric == column.metric
    }
    if not found or report.baseline is None:
        return _alone(report, column)
    baseline, does = _named(report, report.baseline), DOES[column.metric]
    certain = sorted(_certain(found), key=lambda each: -each.times)
    if not certain:
        what = f"{does} certainly faster or slower than {baseline} on {column.scenario}"
        told = [f"No target {what}"]
    elif certain[0].times > 1:
        against = f" as fast as {baseline} on {column.scenario}"
        told = [f"{_named(report, certain[0].name)} {does} {_ratio(report, certain[0], against)}"]
        told += [f"{_named(report, each.name)} {_ratio(report, each)}" for each in certain[1:MOST]]
    else:
        told = [f"{baseline} {does} {_behind(report, certain[0], f' on {column.scenario}')}"]
        told += [_behind(report, each) for each in certain[1:MOST]]
    told += [f"and {len(certain) - MOST} more"] if len(certain) > MOST else []
    return f"{'; '.join([*told, *_uncertain(report, found)])}."


def _job(background: str) -> str:
    return shortened(plain(background), MOST_LETTERS)


def _certain(found: Mapping[str, Compared]) -> Iterator[Faster]:
    for name, each in found.items():
        if each.verdict not in CERTAIN or each.ratio is None:
            continue
        point, span = each.ratio.point, each.ratio.ci95
        if point is None or span is None:
            continue
        if each.higher_is_better:
            times, interval = point, span
        else:
            times, interval = 1 / point, Interval(1 / span.high, 1 / span.low, span.level)
        yield Faster(name=name, times=times, interval=interval, paired=each.ratio.paired)


def _ratio(report: Report, each: Faster, against: str = "") -> str:
    """How many times as fast as the baseline; the first says `against` which."""
    span = f"{multiple(each.interval.low)} to {multiple(each.interval.high)}"
    unpaired = "" if each.paired else f" ({_elsewhere(report, each.name)})"
    return f"{multiple(each.times)} times{against}, {span}{unpaired}"


def _behind(report: Report, each: Faster, on: str = "") -> str:
    """How many times as fast as it the baseline is: where all are slower, it leads the sentence."""
    low, high = 1 / each.interval.high, 1 / each.interval.low
    turned = replace(each, times=1 / each.times, interval=Interval(low, high, each.interval.level))
    return _ratio(report, turned, f" as fast as {_named(report, each.name)}{on}")


def _elsewhere(report: Report, name: str) -> str:
    """Why a target of another run could not be paired."""
    base, own = run_of(report, report.baseline or ""), run_of(report, name)
    again = machine_facts(base.machine) == machine_facts(own.machine)
    return "in another run, unpaired" if again else "on another machine, unpaired"


def _uncertain(report: Report, found: Mapping[str, Compared]) -> Iterator[str]:
    for verdict, words in UNNAMED:
        names = [
            name + _unpaired(report, name, each)
            for name, each in found.items()
            if each.verdict == verdict
        ]
        if names:
            yield f"{words}: {_some(names)}"


def _unpaired(report: Report, name: str, each: Compared) -> str:
    paired = each.ratio is None or each.ratio.paired
    return "" if paired else f" ({_elsewhere(report, name)})"


def _alone(report: Report, column: Column) -> str:
    """The values themselves, where nothing is compared."""
    told = [
        f"{_named(report, name)} {value(metric)}"
        for name in (target.name for target in report.targets)
        if (metric := metric_of(report, name, column)) is not None and metric.value is not None
    ]
    return f"{_capital(TITLES[column.metric])} on {column.scenario}: {_some(told)}."


def _quality(report: Report) -> str:
    scoring = report.scoring
    if scoring is None:
        return "Quality not measured: the suite names no text to score."
    told = _some([_bits_per_byte(report, each) for each in scoring.targets])
    return f"Quality in bits per byte of one text, less is better: {told}."


def _bits_per_byte(report: Report, each: QualityReport) -> str:
    """Of several runs another may have scored a text of its own."""
    if each.bits_per_byte is None:
        return f"{each.target} not measured{' on it' if report.runs else ''}"
    return f"{each.target} {each.bits_per_byte:.4f}"


def _named(report: Report, name: str) -> str:
    """With its bits per weight, where these are known."""
    loaded = next((each.loaded for each in report.targets if each.name == name), None)
    known = bits(loaded)
    return f"{name} ({known} bits)" if known else name


def _some(told: Sequence[str]) -> str:
    left = len(told) - 2 * MOST
    shown = ", ".join(told[: 2 * MOST])
    return f"{shown} and {counted(left, 'other')}" if left > 0 else shown


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
