"""What a journal tells of how long its targets took: the best that is known of the next time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean

from crossbench.journal.events import (
    CellFailed,
    Event,
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    PassTaken,
    SampleTaken,
)
from crossbench.plan.time import Pace, Span, total

NS = 1e9
REQUESTS, LOADS, RESTS = Span(0.9, 1.2), Span(0.8, 1.5), Span(0.5, 2.0)
"""How far the next may lie below the least and above the most of those seen; of requests, from
their mean: there are many of them, and files may have been cached for a load."""


class Observed:
    """Durations by target, taken from events one by one."""

    def __init__(self, loaded: Collection[str] = ()) -> None:
        """`loaded` are the scenarios under load, whose requests do not follow each other."""
        self._loaded = frozenset(loaded)
        self.failed: set[tuple[str, str]] = set()
        """Target and scenario of cells that will not be tried again."""
        self._started: dict[str, LaunchStarted] = {}
        self._loads: dict[str, list[float]] = defaultdict(list)
        self._rests: dict[str, list[float]] = defaultdict(list)
        self._windows: dict[str, list[float]] = defaultdict(list)
        self._requests: dict[str, dict[tuple[str, int], tuple[float, int]]] = defaultdict(dict)
        """Target -> scenario and prompt -> seconds in all, and of how many requests."""
        self._taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        """Target -> scenario under load -> seconds of its passes."""
        self._running: dict[str, tuple[int, int]] = {}
        """Worker -> begin and end of the requests of a pass under load."""
        self._spent: dict[str, float] = defaultdict(float)
        """Worker -> seconds that its load and its requests took."""

    def take(self, event: Event) -> None:
        """One event more; one of a launch that never began tells nothing."""
        if isinstance(event, LaunchStarted):
            self._started[event.launch] = event
            return
        start = self._started.get(getattr(event, "launch", ""))
        if start is None:
            return
        match event:
            case SampleTaken() if event.scenario in self._loaded:
                self._run(event)
            case PassTaken():
                self._pass(start.target, event)
            case LaunchReady():
                seconds = (event.start_ns + event.import_ns + event.load_ns) / NS
                self._loads[start.target].append(seconds)
                self._spent[event.launch] += seconds
            case SampleTaken() if event.record.failure is None and event.record.stamps_ns:
                seconds = event.record.stamps_ns[-1] / NS
                self._spent[event.launch] += seconds
                if event.role in ("prefill", "decode"):
                    return
                place, requests = (event.scenario, event.prompt), self._requests[start.target]
                before, count = requests.get(place, (0.0, 0))
                requests[place] = (before + seconds, count + 1)
            case CellFailed():
                self.failed.add((start.target, event.scenario))
            case LaunchEnded() if event.seconds is not None:
                rest = max(0.0, event.seconds - self._spent.pop(event.launch, 0.0))
                kept = self._windows if start.purpose == "scoring" else self._rests
                kept[start.target].append(rest)
            case _:
                pass

    def _run(self, event: SampleTaken) -> None:
        begin = event.record.t0_ns
        end = begin + (event.record.stamps_ns[-1] if event.record.stamps_ns else 0)
        first, last = self._running.get(event.launch, (begin, end))
        self._running[event.launch] = min(first, begin), max(last, end)

    def _pass(self, target: str, event: PassTaken) -> None:
        begin, end = self._running.pop(event.launch, (0, 0))
        seconds = (end - begin) / NS
        self._taken[target][event.scenario].append(seconds)
        self._spent[event.launch] += seconds

    def pace(
        self, target: str, *, windows: int = 0, whence: str, prior: Pace | None = None
    ) -> Pace | None:
        """How long the target's parts will take; what was not seen is taken from `prior`.

        `windows` is how many a scoring launch scored. None where neither tells of a request.
        """
        loads, passes = self._loads.get(target), self._passes(target)
        if not loads or not (passes or prior):
            return prior
        known = prior or Pace(load=Span(), rest=Span(), passes={}, window=Span(), whence="")
        scored = self._windows.get(target)
        return Pace(
            load=_around(loads, LOADS),
            rest=_around(self._rests[target], RESTS) if self._rests.get(target) else known.rest,
            passes={**known.passes, **passes},
            window=_around(scored, LOADS).times(1 / windows)
            if scored and windows
            else known.window,
            whence=whence if passes else known.whence or whence,
            measured=bool(passes) or known.measured,
        )

    def _passes(self, target: str) -> Mapping[str, Span]:
        each: dict[str, list[Span]] = defaultdict(list)
        for (scenario, _), (seconds, count) in self._requests.get(target, {}).items():
            mean = seconds / count
            each[scenario].append(Span(mean * REQUESTS.low, mean * REQUESTS.high))
        for scenario, seen in self._taken.get(target, {}).items():
            mean = fmean(seen)
            each[scenario].append(Span(mean * REQUESTS.low, mean * REQUESTS.high))
        return {scenario: total(spans) for scenario, spans in each.items()}


def _around(seen: Sequence[float], slack: Span) -> Span:
    return Span(min(seen) * slack.low, max(seen) * slack.high)
