"""Ratios of disturbed over quiet from scripted runs: when they are given, and when withheld."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.journal.events import BackgroundWorked, CellFailed, Event, Role, SampleTaken
from crossbench.journal.writer import Journal
from crossbench.places.placement import Place
from crossbench.report.build import build
from crossbench.report.company_model import Interference
from crossbench.report.markdown.interference import interference
from crossbench.report.model import Report
from tests.comparison.scripted import Script, write
from tests.conftest import TINY

SUITE = """
schema = 1
name = "neighbours"
[model]
name = "tiny"
tokenizer = "{tiny}"
[targets.front]
backend = "null"
artifact = "{tiny}/config.json"
[targets.back]
backend = "null"
artifact = "{tiny}/config.json"
[protocol]
launches = {launches}
repeats = 2
warmups = 0
burn_in = 0
sentinel = false
[[scenarios]]
name = "chat"
prompt_tokens = 300
output_tokens = 24
background = {{ target = "back", scenario = "job" }}
[[scenarios]]
name = "job"
prompt_tokens = 32
output_tokens = 24
"""


def slower(factor: float) -> Callable[[SampleTaken], SampleTaken]:
    """Disturbed samples take that much longer."""

    def taken(event: SampleTaken) -> SampleTaken:
        if event.scenario != "chat-disturbed":
            return event
        stamps = tuple(int(stamp * factor) for stamp in event.record.stamps_ns)
        return replace(event, record=replace(event.record, stamps_ns=stamps))

    return taken


def worked(launch: str, tokens: int | None = 100, role: Role = "timed") -> BackgroundWorked:
    return BackgroundWorked(
        launch=launch,
        scenario="chat-disturbed",
        role=role,
        repeat=0,
        place=Place(cpus=(1,)),
        begin_ns=0,
        end_ns=2_000_000_000,
        tokens=tokens,
        cpu_s=None if tokens is not None else 0.5,
    )


def made(folder: Path, factor: float, events: Sequence[Event], launches: int = 4) -> Report:
    suite = folder / "suite.toml"
    suite.write_text(SUITE.format(tiny=TINY, launches=launches))
    run = write(folder / "run", suite, {"front": Script(taken=slower(factor)), "back": Script()})
    with Journal(run, new=False) as journal:
        for event in events:
            journal.append(event)
    return build(run)


def every(launches: int = 4) -> list[Event]:
    return [worked(f"b{n + 1}-front") for n in range(launches)]


def front(report: Report) -> Interference:
    return next(each for each in report.interference if each.target == "front")


def test_what_a_background_costs_is_told_with_its_interval(tmp_path: Path) -> None:
    report = made(tmp_path, 1.5, every())
    found = front(report)
    assert found.withheld is None
    assert found.comparison is not None
    metrics = {each.metric: each for each in found.comparison.metrics}
    ttft, decode = metrics["ttft_s"], metrics["decode_tps"]
    assert ttft.ratio is not None
    assert decode.ratio is not None
    assert ttft.ratio.point == pytest.approx(1.5)
    assert decode.ratio.point == pytest.approx(1 / 1.5)
    assert ttft.ratio.n == 4
    page = "\n".join(interference(report))
    assert "`back on job`" in page
    assert "1.500\u00d7" in page
    assert "50 tok/s" in page


def test_a_ratio_with_noise_has_an_interval_and_a_verdict(tmp_path: Path) -> None:
    wobble = {0: 1.48, 1: 1.52, 2: 1.51, 3: 1.49}

    def taken(event: SampleTaken) -> SampleTaken:
        return slower(wobble[int(event.launch[1]) - 1])(event)

    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(tiny=TINY, launches=4))
    run = write(tmp_path / "run", suite, {"front": Script(taken=taken), "back": Script()})
    with Journal(run, new=False) as journal:
        for event in every():
            journal.append(event)
    found = front(build(run)).comparison
    assert found is not None
    for each in found.metrics:
        assert each.ratio is not None
        assert each.ratio.ci95 is not None
        assert each.ratio.ci95.holds(each.ratio.point or 0)
        assert each.verdict == "slower"


def test_a_command_is_told_by_the_processors_it_kept_busy(tmp_path: Path) -> None:
    events = [worked(f"b{n + 1}-front", tokens=None) for n in range(4)]
    progress = front(made(tmp_path, 1.0, events)).progress
    assert progress is not None
    assert progress.name == "background_cpus"
    assert progress.value == pytest.approx(0.25)


def test_one_launch_gives_a_ratio_and_no_verdict(tmp_path: Path) -> None:
    found = front(made(tmp_path, 1.5, every(1), launches=1)).comparison
    assert found is not None
    assert {each.verdict for each in found.metrics} == {"inconclusive"}


def test_progress_counts_timed_passes_alone(tmp_path: Path) -> None:
    events = [*every(), worked("b1-front", tokens=9000, role="warmup")]
    progress = front(made(tmp_path, 1.0, events)).progress
    assert progress is not None
    assert progress.value == pytest.approx(50)
    assert progress.n == 4


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "the background did nothing while it was measured"),
        ([worked("b1-front", tokens=0)], "the background did nothing while it was measured"),
        (
            [
                *every(),
                CellFailed(
                    launch="b2-front",
                    scenario="chat-disturbed",
                    kind="error",
                    phase="background",
                    message="its background (back on job): it died",
                ),
            ],
            "chat-disturbed failed in b2-front: its background (back on job): it died",
        ),
    ],
    ids=["never at work", "idle", "dead"],
)
def test_a_ratio_that_cannot_be_trusted_is_withheld(
    tmp_path: Path, events: Sequence[Event], told: str
) -> None:
    report = made(tmp_path, 1.5, events)
    found = front(report)
    assert found.withheld == told
    assert found.comparison is None
    assert "withheld" in "\n".join(interference(report))
    assert "1.500" not in "\n".join(interference(report))
