"""A simulated machine: what its launches would measure, with all that disturbs them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbench.plan.launches import interleaved
from crossbench.statistics.verdict import PRIMARY

REPEAT_SD = 0.005
METRICS = len(PRIMARY)


class Protocol(NamedTuple):
    """How often everything is measured, after one burn-in launch a target."""

    name: str
    launches: int
    repeats: int
    warmups: int = 3


class Machine(NamedTuple):
    """What disturbs its measurements; all on the log scale, 0.01 being 1 %."""

    launch_sd: float
    clocks: float = 0.0
    """Between the two clock rates of which each launch gets one, by chance."""
    warmup: float = 0.0
    """How much longer the first request of a launch takes; each one after has 1/e of it left."""
    settling: float = 0.0
    """How much slower it is at the first launch of a run; each one after has 1/e of it left."""
    uneven: bool = False
    """Whether only the second target warms up so."""
    drift: float = 0.0
    """How much slower the machine gets from the first launch of a run to its last."""
    missing: bool = False
    """Whether one launch of each run, any, is missing."""


class Measured(NamedTuple):
    """What many runs measured."""

    rates: NDArray[np.float64]
    """Run x target x block x metric: the value of a launch, NaN where it is missing."""
    repeats: NDArray[np.float64]
    """Run x target x block x repeat: the times of one metric's repeats."""
    places: dict[str, dict[int, float]]
    """Target -> block -> when in the run it was launched."""


def measure(
    machine: Machine,
    protocol: Protocol,
    true_logs: NDArray[np.float64],
    runs: int,
    rng: np.random.Generator,
) -> Measured:
    """Many runs of as many targets as `true_logs` (target x metric) has rows.

    Launches differ independently in each metric, which is the hardest case for naming no false
    winner; clocks, warm-up and drift are the machine's and the same in all.
    """
    targets = len(true_logs)
    places = order(targets, protocol.launches)
    started = np.array([[each[block] for block in sorted(each)] for each in places.values()])
    shape = (runs, targets, protocol.launches)
    slow = np.full((*shape, METRICS, protocol.repeats), -true_logs[None, :, None, :, None])
    slow += rng.normal(0, machine.launch_sd, (*shape, METRICS, 1))
    slow += rng.normal(0, REPEAT_SD, slow.shape)
    slow += machine.clocks * (rng.integers(0, 2, shape)[..., None, None] - 0.5)
    slow += machine.drift * _through(started, protocol)[None, :, :, None, :]
    slow += np.log1p(machine.settling * np.exp(-started))[None, :, :, None, None]
    left = machine.warmup * np.exp(-np.arange(protocol.repeats) - protocol.warmups)
    cold = np.arange(targets) == 1 if machine.uneven else np.full(targets, True)
    slow += np.log1p(left) * cold[None, :, None, None, None]
    times = np.exp(slow)
    rates = 1 / times.mean(axis=-1)
    if machine.missing:
        gone = rng.integers(0, targets, runs), rng.integers(0, protocol.launches, runs)
        rates[np.arange(runs), gone[0], gone[1]] = np.nan
    return Measured(rates, times[:, :, :, 0, :], places)


def order(targets: int, blocks: int) -> dict[str, dict[int, float]]:
    """Target -> block -> its place in a run, by the plan's own order, after the burn-in."""
    names = [f"t{target}" for target in range(targets)]
    places: dict[str, dict[int, float]] = {name: {} for name in names}
    for place, launch in enumerate(interleaved(blocks, dict.fromkeys(names, ("s",))), targets):
        places[launch.target][launch.block] = float(place)
    return places


def _through(started: NDArray[np.float64], protocol: Protocol) -> NDArray[np.float64]:
    """Target x block x repeat: the part of the run that is over, less one half on average."""
    within = (np.arange(protocol.repeats) + 0.5) / protocol.repeats
    part = (started[:, :, None] + within) / (len(started) * (protocol.launches + 1))
    return np.asarray(part - part.mean())
