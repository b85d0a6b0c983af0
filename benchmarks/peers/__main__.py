"""crossbench, AIPerf and GuideLLM on one server of known times: who errs how much, at what cost.

`python -m benchmarks.peers --aiperf PYTHON --guidellm PYTHON` prints the tables of docs/peers.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peers.claim import Unmatched
from benchmarks.peers.contestants import Contestant, Load, aiperf, crossbench, guidellm
from benchmarks.peers.run import Failed, Run, run

STREAMS = (1, 16, 64, 128, 256, 384, 512)
BEARABLE = 0.05
"""The bias up to which a client carries a load."""
COST_AT = 64
"""Streams at which the processor's time is measured."""
COST_REQUESTS = (64, 512)
"""Requests of the two runs whose difference is the cost of tokens, without that of a start."""


def levels(contestant: Contestant, streams: Sequence[int], folder: Path) -> list[Run]:
    """Ascending loads, up to the first that it does not carry."""
    found: list[Run] = []
    for count in streams:
        try:
            found.append(run(contestant, Load(streams=count), folder / f"{count}"))
        except (Failed, Unmatched) as failure:
            print(f"{contestant.name} at {count} streams: {failure}", flush=True)
            break
        worst = found[-1].score.worst_bias
        print(f"{contestant.name}, {count} streams: worst bias {worst:.2%}", flush=True)
        if worst > BEARABLE:
            break
    return found


def cost(contestant: Contestant, folder: Path) -> tuple[str, str]:
    """CPU seconds for 1,000 tokens, and of a run without any."""
    try:
        few, many = (
            run(contestant, Load(streams=COST_AT, requests=count), folder / f"cost-{count}")
            for count in COST_REQUESTS
        )
    except (Failed, Unmatched) as failure:
        print(f"{contestant.name}'s cost: {failure}", flush=True)
        return "failed", "failed"
    slope = (many.cpu_s - few.cpu_s) / (many.tokens - few.tokens)
    return f"{slope * 1000:.3f}", f"{few.cpu_s - slope * few.tokens:.1f}"


def _error_rows(name: str, runs: Sequence[Run]) -> Iterator[list[str]]:
    for each in runs:
        ttft, tpot = each.score.ttft, each.score.tpot
        yield [
            name,
            str(each.load.streams),
            f"{each.load.tokens_per_s:.0f}",
            f"{ttft.bias_ns / 1e6:+.2f} ({ttft.bias:+.2%})",
            f"{ttft.p99_ns / 1e6:.2f}",
            f"{tpot.bias_ns / 1e3:+.1f} ({tpot.bias:+.3%})",
            f"{tpot.p99_ns / 1e3:.1f}",
        ]


def _carried(runs: Sequence[Run], most: int) -> str:
    borne = [each for each in runs if each.score.worst_bias <= BEARABLE]
    if not borne:
        return "none"
    load = borne[-1].load
    told = f"{load.streams} streams, {load.tokens_per_s:.0f} tokens/s"
    return f"{told} or more" if load.streams == most else told


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table, figures to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"


def main() -> None:
    """Measure all, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--aiperf", type=Path, help="interpreter that has aiperf")
    parser.add_argument("--guidellm", type=Path, help="interpreter that has guidellm")
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    given = parser.parse_args()
    contestants = [crossbench()]
    contestants += [aiperf(given.aiperf)] if given.aiperf else []
    contestants += [guidellm(given.guidellm)] if given.guidellm else []
    with tempfile.TemporaryDirectory() as folder:
        errors: list[list[str]] = []
        summary: list[list[str]] = []
        for contestant in contestants:
            own = Path(folder) / contestant.name
            runs = levels(contestant, given.streams, own)
            errors += _error_rows(contestant.name, runs)
            per_1000, start = cost(contestant, own)
            carried = _carried(runs, given.streams[-1])
            summary.append([contestant.name, per_1000, start, carried])
    busy = os.getloadavg()[1]
    print(f"\n{os.cpu_count()} cores, load average over five minutes at the end {busy:.1f}\n")
    head = "client|streams|tokens/s|TTFT bias, ms|TTFT p99 error, ms"
    print(table((head + "|TPOT bias, µs|TPOT p99 error, µs").split("|"), errors))
    head = "client|CPU s per 1,000 tokens|CPU s of a start|highest load within 5 %"
    print(table(head.split("|"), summary))


if __name__ == "__main__":
    main()
