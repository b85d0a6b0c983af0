"""The instrument measured beside a run, once, before its first launch."""

from __future__ import annotations

from crossbench.envs.progress import Progress
from crossbench.errors import EnvironmentFailure, InstrumentFailure
from crossbench.instrument.model import Figures
from crossbench.instrument.sitting import beside
from crossbench.journal import InstrumentMeasured
from crossbench.plan.model import Plan
from crossbench.run.bench import Bench


def note(bench: Bench, progress: Progress) -> None:
    """Measure it and write it down, which takes 1 to 2 s; nothing where no scenario has several
    requests at once, for what one stream costs each worker tells of itself.

    That it cannot be measured costs the run nothing but the knowledge: the reason is written down.
    """
    streams = most_streams(bench.plan)
    if streams < 2:
        return
    try:
        figures = beside(bench.registry, progress, streams)
    except (InstrumentFailure, EnvironmentFailure) as failure:
        figures = Figures(failure=str(failure))
    bench.write(InstrumentMeasured(figures=figures))


def most_streams(plan: Plan) -> int:
    """Requests that one of its launches has in flight at once, at most."""
    measured = {name for launch in plan.launches for name in launch.scenarios}
    return max((each.streams for each in plan.suite.scenarios if each.name in measured), default=0)
