"""Real runs of one target under two names: how often chance alone names a winner.

    python -m benchmarks.null_runs --python PYTHON [--runs 20]

Each run is `crossbench run --null-test` of the tiny model on llama.cpp in the default profile;
PYTHON is an interpreter that has llama-cpp-python. Needs a quiet machine, and 15 s a run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from crossbench.report.build import build
from crossbench.statistics.ratio import Ratio
from crossbench.statistics.verdict import PRIMARY

SUITE = """schema = 1
name = "null"
[model]
name = "tiny"
tokenizer = "{tiny}"
[targets.a]
backend = "llamacpp"
artifact = "{tiny}/tiny-f16.gguf"
options = {{ threads = 1 }}
[protocol]
profile = "default"
seed = {seed}
[[scenarios]]
name = "chat"
prompt_tokens = 512
output_tokens = 128
"""
TINY = Path(__file__).parents[1] / "suites" / "models" / "tiny"
MOST_S = 300
"""No run takes so long."""


class Found(NamedTuple):
    """One primary metric of one run: one name over the other, and what is said of it."""

    ratio: Ratio
    verdict: str
    drifted: bool


def main() -> None:
    """Run them, print each, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, metavar="PYTHON")
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    began = time.monotonic()
    runs = []
    for number in range(asked.runs):
        runs.append(null_run(number, asked.python))
        print(line(runs[-1]), file=sys.stderr, flush=True)
    print(table(runs))
    print(f"\n{len(runs)} runs, {time.monotonic() - began:.0f} s")


def null_run(number: int, python: str) -> dict[str, Found]:
    """Metric -> what one run finds. Ends the program with the run's own words when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        suite, run = Path(folder) / "null.toml", Path(folder) / "run"
        suite.write_text(SUITE.format(tiny=TINY, seed=number), encoding="utf-8")
        command = [sys.executable, "-m", "crossbench", "run", str(suite), "--null-test"]
        command += ["--out", str(run), "--python", f"llamacpp={python}"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=MOST_S, env=environment
        )
        if done.returncode:
            sys.exit(f"run {number} ended with {done.returncode}:\n{done.stderr}")
        return judged(run)


def judged(run: Path) -> dict[str, Found]:
    """Metric -> what the report of a run says of its two names."""
    report = build(run)
    (comparison,) = report.comparisons
    drifted = {drift.metric for drift in report.run_drifts}
    return {
        each.metric: Found(each.ratio, each.verdict, each.metric in drifted)
        for each in comparison.metrics
        if each.ratio is not None
    }


def line(run: Mapping[str, Found]) -> str:
    """One run, for whoever watches."""
    return "; ".join(f"{name} {told(each.ratio)} {each.verdict}" for name, each in run.items())


def told(ratio: Ratio) -> str:
    """A ratio with its interval."""
    if ratio.point is None or ratio.ci95 is None:
        return "; ".join(ratio.reasons)
    return f"{ratio.point:.4f} [{ratio.ci95.low:.4f}, {ratio.ci95.high:.4f}]"


def table(runs: Sequence[Mapping[str, Found]]) -> str:
    """Per primary metric: verdicts, coverage of 1, and how much launches differ."""
    lines = [
        "| metric | runs | faster or slower | tie | inconclusive | 95 % interval holds 1 "
        "| drift found | sd of paired launches, median | greatest ratio from 1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in PRIMARY:
        found = [run[name] for run in runs if name in run]
        if found:
            lines.append(f"| `{name}` | {row(found)} |")
    winners = sum(any(named(each) for each in run.values()) for run in runs)
    lines += ["", f"{winners} of {len(runs)} runs name a winner in any primary metric."]
    return "\n".join(lines)


def named(found: Found) -> bool:
    """Whether a winner is named."""
    return found.verdict in ("faster", "slower")


def row(found: Sequence[Found]) -> str:
    """The columns of one metric."""
    words = Counter(each.verdict for each in found)
    holds = sum(each.ratio.ci95 is not None and each.ratio.ci95.holds(1.0) for each in found)
    spread = [each.ratio.sd_log for each in found if each.ratio.sd_log is not None]
    far = max(abs(each.ratio.point - 1) for each in found if each.ratio.point is not None)
    columns = [
        len(found),
        words["faster"] + words["slower"],
        words["tie"],
        words["inconclusive"],
        holds,
        sum(each.drifted for each in found),
        f"{median(spread):.2%}" if spread else "none",
        f"{far:.2%}",
    ]
    return " | ".join(map(str, columns))


if __name__ == "__main__":
    main()
