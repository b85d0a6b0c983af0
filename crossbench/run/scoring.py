"""Scoring a target: a load of its own, never timed, that says how well its artifact predicts."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from crossbench.journal.events import ScoringFailed, WindowScored
from crossbench.plan.model import Launch
from crossbench.run.bench import Bench
from crossbench.run.launch import launched
from crossbench.run.loading import load
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import FailureKind, Score, Scored
from crossbench.worker.supervisor import WorkerProcess

LIKELIEST = 1
"""How many of the likeliest ids are kept of each place."""


def score(bench: Bench, launch: Launch, name: str, done: Collection[int]) -> None:
    """Score all windows but those done; a failure is written down and costs only this target."""
    windows = bench.book.scoring.windows if bench.book.scoring else ()
    needs = replace(
        bench.needs(launch.target),
        context_tokens=max(len(window.ids) for window in windows),
        streams=1,
        forced_ids=False,
        scoring=True,
        score_top_k=LIKELIEST,
    )
    try:
        with launched(bench, launch, name) as workers:
            load(bench, workers, name, launch.target, needs)
            for number in range(len(windows)):
                if number not in done and not _window(bench, workers.first, name, number):
                    return
    except WorkerFailed as failure:
        _fail(bench, name, failure.kind, failure.phase.name.lower(), str(failure))


def _window(bench: Bench, worker: WorkerProcess, name: str, number: int) -> bool:
    """Score one window; whether the engine did. Raises WorkerFailed."""
    assert bench.book.scoring is not None
    windows = bench.book.scoring.windows
    window = windows[number]
    bench.watcher.scoring(number + 1, len(windows))
    asked = Score(ids=window.ids, first=window.first, top_k=LIKELIEST)
    told = worker.ask(asked, Scored, bench.watcher.beat)
    if told.failure is not None:
        _fail(bench, name, "error", "request", told.failure.message)
        return False
    bench.journal.append(
        WindowScored(
            launch=name,
            window=number,
            bytes=window.bytes,
            logprobs=tuple(score.logprob for score in told.scores),
            likeliest=tuple(score.top[0][0] for score in told.scores),
        )
    )
    return True


def _fail(bench: Bench, name: str, kind: FailureKind, phase: str, message: str) -> None:
    bench.journal.append(ScoringFailed(launch=name, kind=kind, phase=phase, message=message))
    bench.watcher.failed(["quality"], kind, message)
