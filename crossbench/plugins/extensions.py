"""Rules for what a plugin provides besides backends: probes, formats of the report, lint rules."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from crossbench.api import ProbeSpec
from crossbench.machine.telemetry import TELEMETRY, Opened, Tick, read
from crossbench.plan.model import Plan
from crossbench.plugins.origin import Origin
from crossbench.plugins.verdict import RuleVerdict
from crossbench.registry import ProvidedReporter, Registry
from crossbench.report.model import Report
from crossbench.report.reporters import rendered

READINGS = 3
PROBE_S = 20.0
"""For a probe to open, to be read a few times, and to close."""

OPENS = "`open` tells its channels, or raises ProbeAbsent with what is missing here."
READS = "`read` gives a number or None for each channel, in the order that `open` told."
ENDS = "A probe opens, is read and closes within seconds: it must not hold up a run."
RENDERS = "A reporter turns any report into bytes."
PURE = "The same report gives the same bytes, so that a report can be rebuilt and compared."
LINTS = "`crossbench_lint` answers on any plan with Findings, within seconds."
STEADY = "Lint rules are a pure function of the plan: asked again, they find the same."


def of_probe(spec: ProbeSpec) -> Iterator[RuleVerdict]:
    """Open it, read it a few times and close it, in a process of its own."""
    about = f"probe {spec.name}"
    with tempfile.TemporaryDirectory(prefix="crossbench-probe-") as folder:
        ended, seconds = _sampled(spec, Path(folder) / TELEMETRY)
        events = list(read(Path(folder)))
    opened = next((event for event in events if isinstance(event, Opened)), None)
    told = opened.probes[0] if opened else None
    if told is None or (told.absent or "").startswith("it broke"):
        found = told.absent if told and told.absent else "it told nothing"
        yield _broken(about, "it-opens", OPENS, found, "raise ProbeAbsent for what is not here")
    elif told.absent is not None:
        yield _left_out(about, "it-reads-numbers", READS, f"nothing to read here: {told.absent}")
    else:
        yield _holds(about, "it-opens", OPENS)
        ticks = [event.values for event in events if isinstance(event, Tick)]
        if any(value is not None for values in ticks for value in values):
            yield _holds(about, "it-reads-numbers", READS)
        else:
            found = f"{len(told.channels)} channels, and no number in {len(ticks)} readings"
            yield _broken(about, "it-reads-numbers", READS, found, "return one value a channel")
    if ended:
        yield _holds(about, "it-ends", ENDS, seconds)
    else:
        found = f"it had not ended after {PROBE_S:g} s"
        yield _broken(about, "it-ends", ENDS, found, "bound every wait; give None for what is late")


def of_reporter(provided: ProvidedReporter, report: Report | None) -> Iterator[RuleVerdict]:
    """Render a report twice."""
    about = f"format {provided.spec.name}"
    if report is None:
        yield _left_out(about, "it-renders", RENDERS, "no report was given: --run RUN")
        return
    try:
        first, second = (rendered(provided, report) for _ in range(2))
    except Exception as error:  # noqa: BLE001 - a stranger's function
        yield _broken(about, "it-renders", RENDERS, str(error), "take every Report, return bytes")
        return
    yield _holds(about, "it-renders", RENDERS)
    if first != second:
        found = f"{len(first)} bytes, then {len(second)} others"
        do = "read no clock, no environment and no set's order"
        yield _broken(about, "it-is-pure", PURE, found, do)
    else:
        yield _holds(about, "it-is-pure", PURE)


def of_lint(registry: Registry, who: Origin, plan: Plan | None) -> Iterator[RuleVerdict]:
    """Ask its lint rules twice."""
    if plan is None:
        found = "no plan was given: --suite SUITE"
        yield _left_out("lint rules", "they-answer", LINTS, found)
        return
    known = len(registry.problems)
    first, second = (registry.findings_of(who, plan) for _ in range(2))
    problems = [problem for problem in registry.problems[known:] if problem.origin == who]
    if problems:
        found = "; ".join(problem.cause for problem in problems)
        yield _broken("lint rules", "they-answer", LINTS, found, "yield Findings; guess nothing")
        return
    yield _holds("lint rules", "they-answer", LINTS)
    if first != second:
        found = f"{len(first)} findings, then {len(second)} others"
        yield _broken("lint rules", "they-are-steady", STEADY, found, "judge by the plan alone")
    else:
        yield _holds("lint rules", "they-are-steady", STEADY)


def _sampled(spec: ProbeSpec, file: Path) -> tuple[bool, float]:
    """Whether the process that reads it ended by itself, and after how long."""
    began = time.monotonic()
    module = ["-m", "crossbench.machine.sampler", str(os.getpid())]
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, *module, str(file), "3600", f"{spec.name}={spec.factory}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    with suppress(subprocess.TimeoutExpired):
        process.communicate(b"look\n" * READINGS, timeout=PROBE_S)
    ended = process.poll() is not None
    if not ended:
        process.kill()
        process.communicate()
    return ended, time.monotonic() - began


def _holds(about: str, rule: str, statement: str, seconds: float = 0.0) -> RuleVerdict:
    return RuleVerdict(
        subject=about, rule=rule, statement=statement, verdict="holds", seconds=round(seconds, 3)
    )


def _broken(about: str, rule: str, statement: str, found: str, do: str) -> RuleVerdict:
    return RuleVerdict(
        subject=about, rule=rule, statement=statement, verdict="broken", found=found, do=do
    )


def _left_out(about: str, rule: str, statement: str, reason: str) -> RuleVerdict:
    return RuleVerdict(
        subject=about, rule=rule, statement=statement, verdict="left out", found=reason
    )
