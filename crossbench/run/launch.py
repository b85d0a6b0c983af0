"""The workers of one launch, from their start to their end, each step written down."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from crossbench.api import DeviceMemory
from crossbench.envs.environment import Environment
from crossbench.journal.events import LaunchEnded, LaunchStarted, now
from crossbench.journal.folder import LOGS
from crossbench.machine.visible import BY_BUS, ORDER, VARIABLE
from crossbench.places.placement import Crowded, Place, Room
from crossbench.places.processors import hold
from crossbench.places.seats import seats
from crossbench.plan.model import Launch
from crossbench.run.bench import Bench
from crossbench.run.cooling import Rest
from crossbench.run.loading import memory
from crossbench.run.replicas import Workers
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.pulse import Phase
from crossbench.worker.supervisor import Ending, WorkerProcess


@contextmanager
def launched(
    bench: Bench, launch: Launch, name: str, rested: Rest | None = None
) -> Iterator[Workers]:
    """The started workers, one a replica, of a launch of the plan under that name; ended in stages
    whatever happens.

    Raises WorkerFailed when one cannot be started; one that is raised inside ends them, too.
    """
    bench.recorder.settle(lambda seconds: bench.watcher.resting(seconds, None))
    began = _seconds()
    try:
        places, left = seats(bench.plan, launch)
    except Crowded as lacking:
        _started(bench, launch, name, rested or Rest(), ())
        raise WorkerFailed("startup", Phase.STARTING, str(lacking)) from None
    _started(bench, launch, name, rested or Rest(), places)
    workers = _workers(bench, launch.target, name, places, left)
    try:
        pid, *others = [process.pid for process in workers.processes]
        bench.recorder.watch(pid, name, others)
        yield workers
    except WorkerFailed:
        _closed(bench, name, began, workers)
        raise
    except BaseException:  # an interrupt too must leave no worker behind
        _ended(bench, name, began, workers.kill(), {})
        raise
    _closed(bench, name, began, workers)


def _started(
    bench: Bench, launch: Launch, name: str, rested: Rest, places: Sequence[Place]
) -> None:
    bench.write(
        LaunchStarted(
            launch=name,
            planned=launch.id,
            target=launch.target,
            block=launch.block,
            purpose=launch.purpose,
            rested_s=rested.seconds,
            celsius=rested.celsius,
            places=tuple(places) if any(place != Place() for place in places) else (),
            utc=now(),
            monotonic_ns=time.perf_counter_ns(),
        )
    )


def _workers(bench: Bench, target: str, name: str, places: Sequence[Place], left: Room) -> Workers:
    """All of them started; where one cannot be, none is left. Raises WorkerFailed."""
    started: list[WorkerProcess] = []
    try:
        for number, place in enumerate(places):
            log = f"{name}.log" if len(places) == 1 else f"{name}.replica{number + 1}.log"
            started.append(worker(bench, target, log, place))
    except BaseException:
        if started:
            Workers(started).kill()
        raise
    return Workers(started, places, left)


def worker(bench: Bench, target: str, log: str, place: Place) -> WorkerProcess:
    """A started worker of that target in that place. Raises WorkerFailed."""
    environment = bench.environments[target]
    process = WorkerProcess(
        python=environment.python,
        environ=environ(environment, place),
        log=bench.journal.folder / LOGS / log,
        deadlines=bench.plan.suite.protocol.deadlines,
    )
    held(process, place)
    return process


def held(process: WorkerProcess, place: Place) -> None:
    """Hold a worker to its processors before it is asked to load an engine. Raises WorkerFailed."""
    try:
        if place.cpus:
            hold(process.pid, place.cpus)
    except ProcessLookupError:
        return  # it has died: whoever asks it is told so
    except OSError as error:
        process.kill()
        told = f"cannot be held to {place.told}: {error.strerror}"
        raise WorkerFailed("startup", Phase.STARTING, told) from error


def _seconds() -> float:
    return time.perf_counter_ns() / 1e9


def _closed(bench: Bench, name: str, began: float, workers: Workers) -> None:
    """End the workers in stages; an interrupt meanwhile leaves none of them, either."""
    try:
        told = memory(workers)
        ending = workers.end()
    except BaseException:
        _ended(bench, name, began, workers.kill(), {})
        raise
    _ended(bench, name, began, ending, told)


def _ended(
    bench: Bench, name: str, began: float, ending: Ending, memory: Mapping[str, DeviceMemory]
) -> None:
    bench.recorder.rest()
    undrained = bench.drain.wait()
    bench.write(
        LaunchEnded(
            launch=name,
            stage=ending.stage,
            exit_code=ending.exit_code,
            memory=memory,
            undrained=undrained,
            left=ending.left,
            seconds=_seconds() - began,
        )
    )


def environ(environment: Environment, place: Place | None = None) -> Mapping[str, str]:
    """The worker's environment variables: the user's, without what redirects Python, and with the
    CUDA devices of its place."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept,
        **devices(place or Place()),
        "PYTHONPATH": os.pathsep.join(environment.pythonpath),
        "PYTHONNOUSERSITE": "1",
        "DO_NOT_TRACK": "1",
    }


def devices(place: Place) -> Mapping[str, str]:
    """The variables by which CUDA shows a process the devices of its place, and no others.

    It counts them as the driver does, in the order of the bus, by which they are named here.
    """
    shown = {} if place.cuda is None else {VARIABLE: ",".join(place.cuda)}
    return {ORDER: BY_BUS, **shown}
