"""Joules per token of a run in slow motion, on a card whose power is known."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.journal.events import SampleTaken
from crossbench.journal.reader import read_events, read_manifest
from crossbench.report.markdown import page
from crossbench.report.model import Report
from tests.analysis.readings import ENERGY, NS, POWER
from tests.machine.probed import GPU
from tests.machine.slow_motion import SLOWER, Value, report

pytestmark = pytest.mark.slow


def metrics(told: Report) -> dict[str, Any]:
    (use,) = told.energy
    assert (use.scope, use.devices) == ("gpu_board", ("GPU 0",))
    return {metric.name: metric for metric in use.metrics}


def counted(power: Value) -> Value:
    """The counter that would show such power, from one reading to the next."""
    total = 0.0

    def energy(at_s: float, launch: str | None) -> float:
        nonlocal total
        total += power(at_s, launch) or 0.0
        return total

    return energy


def taken(run: Path) -> tuple[float, float]:
    """Seconds for a token of the prompts, and for one of the output, as the geometric mean over
    launches has it."""
    prompts: dict[str, float] = defaultdict(float)
    outputs: dict[str, float] = defaultdict(float)
    for event in read_events(run):
        if isinstance(event, SampleTaken) and event.role == "timed":
            first, last = event.record.stamps_ns[0], event.record.stamps_ns[-1]
            prompts[event.launch] += SLOWER * first / NS / (2 * 16)
            outputs[event.launch] += SLOWER * (last - first) / NS / (2 * 23)
    return geometric_mean(prompts.values()), geometric_mean(outputs.values())


def test_energy_is_told_by_token_gross_and_net(run: Path, tmp_path: Path) -> None:
    """150 W at work and 50 W idle: a prompt of 16 tokens takes 20 s or so, a token 2 s."""

    def power(at_s: float, launch: str | None) -> float:
        return 150.0 if launch else 50.0

    told = report(run, tmp_path / "run", {POWER: power, ENERGY: counted(power)})
    found = metrics(told)
    prompt_s, token_s = taken(run)
    for name, expected in (
        ("prompt_token_j", 150 * prompt_s),
        ("prompt_token_net_j", 100 * prompt_s),
        ("output_token_j", 150 * token_s),
        ("output_token_net_j", 100 * token_s),
    ):
        assert found[name].value == pytest.approx(expected, rel=1e-3)
        assert found[name].n == 2
    whole = found["output_token_of_requests_j"].value
    assert whole >= 0.999 * 150 * (16 * prompt_s + 23 * token_s) / 24
    assert whole > found["output_token_j"].value
    page_ = page.render(told)
    assert "`gpu_board`: graphics cards with their memory, and nothing of the host (GPU 0)" in page_
    assert "never to be ranked" in page_


def test_a_phase_that_is_too_short_has_no_energy(run: Path, tmp_path: Path) -> None:
    """2 s for a prompt and 5 s for its tokens: only requests in a row fill a window."""
    told = report(run, tmp_path / "run", {POWER: lambda at, launch: 100.0}, slower=20)
    found = metrics(told)
    assert found["prompt_token_j"].value is None
    (reason,) = found["prompt_token_j"].reasons
    assert reason.startswith("window-too-short: 4 of 4 windows of prefill are under 10 s")
    assert found["output_token_j"].value is None
    assert found["output_token_of_requests_j"].value > 100 * 6.6 / 24
    assert found["output_token_of_requests_net_j"].value is None


def test_energy_is_withheld_with_every_reason(run: Path, tmp_path: Path) -> None:
    told = report(
        run,
        tmp_path / "run",
        {
            POWER: lambda at, launch: 100.0,
            ENERGY: counted(lambda at, launch: 110.0),
        },
    )
    for metric in metrics(told).values():
        assert metric.value is None
        assert any(reason.startswith("counter-differs: ") for reason in metric.reasons)
    assert "counter and sampled power differ by over 5 %" in page.render(told)


def test_a_card_that_is_used_and_not_read_withholds_energy(run: Path, tmp_path: Path) -> None:
    second = next(gpu.uuid.value for gpu in read_manifest(run).plan.machine.gpus[1:])
    both = (GPU, replace(GPU, id=second or ""))
    told = report(
        run,
        tmp_path / "run",
        {POWER: lambda at, launch: 100.0},
        lambda loaded: replace(loaded, devices=both),
    )
    (use,) = told.energy
    assert use.devices == ("GPU 0", "GPU 1")
    assert use.metrics[0].reasons == ("device-count: 1 of 2 devices tell no energy",)
