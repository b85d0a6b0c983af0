"""crossbench, AIPerf and GuideLLM on one server of known times: who errs how much, at what cost.

`python -m benchmarks.peers --aiperf PYTHON --guidellm PYTHON` prints the tables of docs/peers.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import tables
from benchmarks.peers.claim import Unmatched
from benchmarks.peers.contestants import Contestant, Load, aiperf, crossbench, guidellm
from benchmarks.peers.run import Failed, Run, pooled, run

STREAMS = (1, 16, 64, 128, 256, 512, 768)
TURNS = 3
TURN_REQUESTS = 36
"""Of one client in one turn: with TURNS of them the 99th percentile is not the largest."""
BEARABLE = 0.05
"""The bias up to which a client carries a load."""
COST_AT = 64
"""Streams at which the processor's time is measured."""
COST_REQUESTS = (64, 512)
"""Requests of the two runs whose difference is the cost of tokens, without that of a start."""


def attempt(contestant: Contestant, load: Load, folder: Path) -> Run | None:
    """One run, or None where it failed; either way a line says so."""
    began = time.monotonic()
    try:
        found = run(contestant, load, folder)
    except (Failed, Unmatched) as failure:
        print(f"{contestant.name} at {load.streams} streams: {failure}", flush=True)
        return None
    took_s = time.monotonic() - began
    ttft, tpot = found.score.ttft, found.score.tpot
    told = f"TTFT {ttft.bias_ns / 1e6:+.2f} ms, TPOT {tpot.bias_ns / 1e3:+.1f} µs"
    count = f"{load.streams} streams, {len(found.pairs)} requests in {took_s:.0f} s"
    print(f"{contestant.name}, {count}: {told}", flush=True)
    return found


def in_turns(
    contestants: Sequence[Contestant], streams: int, turns: int, folder: Path
) -> dict[str, Run]:
    """The load of the fewest streams, all clients in turn, so that drift falls on all alike."""
    load = Load(streams=streams, requests=TURN_REQUESTS * streams)
    found: dict[str, list[Run | None]] = {each.name: [] for each in contestants}
    for turn in range(turns):
        for each in contestants:
            if None not in found[each.name]:
                found[each.name].append(attempt(each, load, folder / each.name / f"turn-{turn}"))
    whole = {name: [one for one in runs if one] for name, runs in found.items()}
    return {name: pooled(runs) for name, runs in whole.items() if len(runs) == turns}


def ascending(contestant: Contestant, streams: Sequence[int], folder: Path) -> list[Run]:
    """Loads up to the first that it does not carry."""
    found: list[Run] = []
    for count in streams:
        one = attempt(contestant, Load(streams=count), folder / f"{count}")
        if one is None:
            break
        found.append(one)
        if one.score.worst_bias > BEARABLE:
            break
    return found


def cost(contestant: Contestant, folder: Path) -> list[str]:
    """CPU seconds for 1,000 tokens, of a run without any, and the server's for 1,000 tokens."""
    few, many = (
        attempt(contestant, Load(streams=COST_AT, requests=count), folder / f"cost-{count}")
        for count in COST_REQUESTS
    )
    if few is None or many is None:
        return ["failed"] * 3
    tokens = many.tokens - few.tokens
    slope = (many.cpu_s - few.cpu_s) / tokens
    server = (many.server_cpu_s - few.server_cpu_s) / tokens
    return [
        f"{slope * 1000:.3f}",
        f"{few.cpu_s - slope * few.tokens:.1f}",
        f"{server * 1000:.3f}",
    ]


def main() -> None:
    """Measure all, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--aiperf", type=Path, help="interpreter that has aiperf")
    parser.add_argument("--guidellm", type=Path, help="interpreter that has guidellm")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS, help="ascending")
    parser.add_argument("--turns", type=int, default=TURNS, help="of all clients at the first load")
    given = parser.parse_args()
    contestants = [crossbench()]
    contestants += [aiperf(given.aiperf)] if given.aiperf else []
    contestants += [guidellm(given.guidellm)] if given.guidellm else []
    fewest, *more = given.streams
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = in_turns(contestants, fewest, given.turns, folder)
        loads: list[list[str]] = []
        costs: list[list[str]] = []
        for each in contestants:
            runs = [first[each.name]] if each.name in first else []
            if runs and runs[0].score.worst_bias <= BEARABLE:
                runs += ascending(each, more, folder / each.name)
            loads += tables.load_rows(each.name, runs)
            per_1000, start, server = cost(each, folder / each.name)
            borne = tables.carried(runs, BEARABLE, given.streams[-1])
            costs.append([each.name, per_1000, start, borne, server])
    took_min = (time.monotonic() - began) / 60
    busy = os.getloadavg()[2]
    print(
        f"\n{os.cpu_count()} cores, {took_min:.0f} min, load average over the last 15 {busy:.1f}\n"
    )
    print(tables.table(tables.LOADS, loads))
    if scores := {name: each.score for name, each in first.items()}:
        print(f"{fewest} streams, {given.turns} turns of all clients; intervals are of 95 %:\n")
        print(tables.table(tables.APART, list(tables.apart_rows(scores))))
    print(tables.table(tables.COSTS, costs))


if __name__ == "__main__":
    main()
