"""How long a report of many samples takes: `python -m benchmarks.report_scale --samples 100000`.

Makes a run folder on disk from one real run of the null engine, its samples repeated with other
times until there are as many as asked, and times `crossbench report` on it as a process.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from crossbench.journal.events import LaunchReady, LaunchStarted, RunEnded, SampleTaken, now
from crossbench.journal.folder import MANIFEST
from crossbench.journal.reader import read_events, read_manifest
from crossbench.journal.writer import Journal

SUITE = """schema = 1
name = "scale"
[model]
name = "none"
tokenizer = "{tokenizer}"
[targets.a]
backend = "null"
artifact = "{tokenizer}"
[targets.b]
backend = "null"
artifact = "{tokenizer}"
[protocol]
launches = 4
repeats = 1
warmups = 0
burn_in = 0
sentinel = false
[[scenarios]]
name = "s"
prompt_tokens = 300
output_tokens = 24
"""
TOKENIZER = Path(__file__).parents[1] / "suites" / "models" / "tiny"


def seed(folder: Path) -> Path:
    """One small real run."""
    suite = folder / "scale.toml"
    suite.write_text(SUITE.format(tokenizer=TOKENIZER))
    run = folder / "seed"
    command = [sys.executable, "-m", "crossbench", "run", str(suite), "--out", str(run)]
    subprocess.run(command, check=True, capture_output=True)
    return run


def enlarge(seed: Path, folder: Path, samples: int) -> None:
    """The same run with that many samples, their stamps jittered by a seeded generator."""
    rng = random.Random(0)
    events = list(read_events(seed))
    launches = [event for event in events if isinstance(event, LaunchStarted)]
    ready = {event.launch: event for event in events if isinstance(event, LaunchReady)}
    taken = {event.launch: event for event in events if isinstance(event, SampleTaken)}
    with Journal(folder, new=True) as journal:
        (folder / MANIFEST).write_bytes((seed / MANIFEST).read_bytes())
        for launch in launches:
            journal.append(launch)
            journal.append(ready[launch.launch])
            model = taken[launch.launch]
            for repeat in range(samples // len(launches)):
                pace = rng.uniform(0.9, 1.1)
                stamps = tuple(int(stamp * pace) for stamp in model.record.stamps_ns)
                record = replace(model.record, stamps_ns=stamps)
                journal.append(replace(model, repeat=repeat, record=record))
        journal.append(RunEnded(utc=now(), outcome="complete"))
    read_manifest(folder)


def main() -> None:
    """Make the run, report it, print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        enlarge(seed(Path(place)), folder, samples)
        size = (folder / "journal.jsonl").stat().st_size
        before, began = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "crossbench", "report", str(folder)],
            check=True,
            capture_output=True,
        )
        wall, after = time.perf_counter() - began, os.times()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    times = f"{wall:.1f} s | {spent:.1f} s"
    print("| samples | journal | wall | process time | peak memory |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {samples:,} | {size / 1e6:.0f} MB | {times} | {peak / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
