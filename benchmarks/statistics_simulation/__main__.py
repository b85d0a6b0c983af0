"""Print the tables of `docs/metrics.md`: coverage, false winners, found differences and ties."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.statistics_simulation.judged import (
    AS_REPORTED,
    Counted,
    Part,
    Recipe,
    by_block,
    count,
    repeats_pooled,
    welch,
)
from benchmarks.statistics_simulation.machine import Machine, Protocol

DEFAULT = Protocol("default 4 x 3", launches=4, repeats=3)
PUBLISH = Protocol("publish 6 x 5", launches=6, repeats=5)
PROTOCOLS = (DEFAULT, PUBLISH)
QUIET = Machine(launch_sd=0.01)
DISTURBED: Mapping[str, Machine] = {
    "nothing else": QUIET,
    "two clock rates 2 % apart": QUIET._replace(clocks=0.02),
    "each launch's first request 5 % longer": QUIET._replace(warmup=0.05),
    "the run's first launch 5 % slower": QUIET._replace(settling=0.05),
    "drift of 4 %": QUIET._replace(drift=0.04),
    "a missing launch": QUIET._replace(missing=True),
    "drift of 4 %, a missing launch": QUIET._replace(drift=0.04, missing=True),
}
RECIPES: Mapping[str, Recipe] = {
    "drift out, paired": AS_REPORTED,
    "drift left in, paired": Recipe(drift_out=False, ratios=by_block),
    "drift left in, Welch": Recipe(drift_out=False, ratios=welch),
}
WARMUPS = (1, 2, 3)
LONGER = (0.0, 0.02, 0.05, 0.1, 0.2)


class Column(NamedTuple):
    """How noisy a machine is, and how many targets it has."""

    launch_sd: float
    targets: int

    def __str__(self) -> str:
        """As a table's head has it."""
        return f"{self.launch_sd:.1%}" + (f", {self.targets} targets" if self.targets > 2 else "")


COLUMNS = (*(Column(sd, 2) for sd in (0.005, 0.01, 0.02, 0.03)), Column(0.01, 3), Column(0.01, 4))


class Simulation:
    """Simulated runs with numbers of their own: each call is seeded by how many were before it."""

    def __init__(self, runs: int, seed: int) -> None:
        self.runs = runs
        self._seed = seed
        self._calls = 0

    def rng(self) -> np.random.Generator:
        """The next call's generator."""
        self._calls += 1
        return np.random.default_rng([self._seed, self._calls])

    def count(
        self,
        machine: Machine,
        protocol: Protocol,
        targets: int = 2,
        recipe: Recipe = AS_REPORTED,
    ) -> Counted:
        """What comes of its runs."""
        print(".", end="", file=sys.stderr, flush=True)
        return count(machine, protocol, targets, self.runs, self.rng(), recipe)


def main() -> None:
    """Run everything and print it as markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs a figure")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    simulation = Simulation(asked.runs, asked.seed)
    for section in (disturbed, recipes, warmups, uneven, pooling):
        for line in section(simulation):
            print(line, flush=True)
        print()
    print(f"{asked.runs} runs a figure, seed {asked.seed}, {time.monotonic() - began:.0f} s")


def disturbed(simulation: Simulation) -> Iterator[str]:
    """Three tables over the same runs: every disturbance, profile and noise."""
    found = {
        (what, protocol.name): [
            simulation.count(machine._replace(launch_sd=sd), protocol, targets)
            for sd, targets in COLUMNS
        ]
        for what, machine in DISTURBED.items()
        for protocol in PROTOCOLS
    }
    head = ["disturbed by", "profile", *map(str, COLUMNS)]

    def cells(told: Callable[[Counted], str]) -> list[list[str]]:
        return [[*label, *map(told, row)] for label, row in found.items()]

    every = [each for row in found.values() for each in row]
    yield "95 % intervals that hold the truth: of cells / of ratios\n"
    yield from table(head, cells(lambda each: shares(each.cells, each.ratios)))
    yield errors([each.cells for each in every], [each.ratios for each in every])
    yield "Runs without a difference that name a winner\n"
    yield from table(head, cells(lambda each: shares(each.winners)))
    yield errors([each.winners for each in every])
    yield "Runs that find a true 5 % / ratios of runs without a difference that tie\n"
    yield from table(head, cells(lambda each: shares(each.found, each.ties)))
    yield errors([each.found for each in every], [each.ties for each in every])


def recipes(simulation: Simulation) -> Iterator[str]:
    """Other ways from launches to intervals, on a drifting machine."""
    machine = DISTURBED["drift of 4 %"]
    yield "Other recipes, drift of 4 %\n"
    rows = []
    for name, recipe in RECIPES.items():
        for protocol in PROTOCOLS:
            for sd in (0.005, 0.01):
                each = simulation.count(machine._replace(launch_sd=sd), protocol, recipe=recipe)
                parts = map(shares, (each.cells, each.ratios, each.found, each.ties))
                rows.append([name, protocol.name, f"{sd:.1%}", *parts])
    head = ["recipe", "profile", "launch sd", "cells hold the truth", "ratios hold it"]
    yield from table([*head, "5 % found", "ties"], rows)


def warmups(simulation: Simulation) -> Iterator[str]:
    """A warm-up that all targets need: what more warm-up requests and the flag do."""
    yield "Each launch's first request 5 % longer, each one after 1/e of that\n"
    rows = []
    for protocol in PROTOCOLS:
        for requests in WARMUPS:
            for sd in (0.005, 0.01):
                machine = Machine(launch_sd=sd, warmup=0.05)
                each = simulation.count(machine, protocol._replace(warmups=requests))
                parts = map(shares, (each.cells, each.flagged, each.told, each.ratios))
                rows.append([protocol.name, str(requests), f"{sd:.1%}", *parts])
    head = ["profile", "warm-ups", "launch sd", "cells hold the steady level", "flagged"]
    yield from table([*head, "hold it or are flagged", "ratios hold the truth"], rows)


def uneven(simulation: Simulation) -> Iterator[str]:
    """What a warm-up that only one target needs does to its ratios, and how often it is flagged."""
    yield "Only one target warms up, one warm-up request, launch sd 1 %\n"
    rows = []
    for protocol in PROTOCOLS:
        for longer in LONGER:
            machine = QUIET._replace(warmup=longer, uneven=True)
            each = simulation.count(machine, protocol._replace(warmups=1))
            parts = map(shares, (each.flagged, each.ratios, each.winners))
            rows.append([protocol.name, f"{longer:.0%}", *parts])
    head = ["profile", "first request longer by", "flagged", "ratios hold the truth"]
    yield from table([*head, "runs with a false winner"], rows)


def pooling(simulation: Simulation) -> Iterator[str]:
    """What becomes of a cell's interval when repeats are taken for launches."""
    for protocol in PROTOCOLS:
        held = repeats_pooled(QUIET, protocol, simulation.runs, simulation.rng())
        yield f"Repeats pooled as if independent, {protocol.name}: {shares(held)} of cells hold it"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---'] * len(head))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def shares(*parts: Part) -> str:
    """Shares in per cent."""
    return " / ".join(f"{part.share:.1%}" for part in parts)


def errors(*columns: Sequence[Part]) -> str:
    """How far the figures of a table may lie from the truth by their number of runs."""
    worst = " / ".join(f"{max(part.error for part in column):.1%}" for column in columns)
    return f"\n(their own 95 % intervals: ± {worst} at most)\n"


if __name__ == "__main__":
    main()
