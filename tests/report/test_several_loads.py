"""Loads of several runs: one, whatever levels each run has of it, or apart and said so."""

from __future__ import annotations

import re
from pathlib import Path

from crossbench.report.charts.all import charts
from crossbench.report.given import asked
from crossbench.report.markdown import page as markdown
from crossbench.report.model import Report
from tests.comparison.scripted import Script, write
from tests.conftest import TINY


def merged(folder: Path, *loads: str) -> Report:
    """Of runs `a`, `b` and so on, each with a target of its own under this load."""
    names = "abc"[: len(loads)]
    return asked(
        [f"{name}={run(folder, name, load)}" for name, load in zip(names, loads, strict=True)]
    )


def run(folder: Path, name: str, load: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(
        f'schema = 1\nname = "load"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        f'[targets.of-{name}]\nbackend = "null"\nartifact = "{TINY / "config.json"}"\n'
        "[protocol]\nlaunches = 3\nrepeats = 1\nwarmups = 0\nburn_in = 0\nsentinel = false\n"
        f'[[scenarios]]\nname = "chat"\nprompt_tokens = 32\n{load}\n'
        '[[scenarios]]\nname = "alone"\nprompt_tokens = 32\noutput_tokens = 24\n'
    )
    return write(folder / name, path, {f"of-{name}": Script()})


def test_runs_of_other_levels_have_one_load(tmp_path: Path) -> None:
    """Each level has as many requests as it needs, so that those of the two differ as well."""
    report = merged(
        tmp_path,
        "output_tokens = 24\nconcurrency = [1, 4]",
        "output_tokens = 24\nconcurrency = [1, 2, 8]",
    )
    (load,) = report.loads
    own = [each.load for each in report.scenarios if each.load is not None]
    by_level = sorted(own, key=lambda each: each.level)
    assert load.requests == tuple(each.requests for each in by_level)
    assert [each.level for each in by_level] == [1, 2, 4, 8]
    assert len(set(load.requests)) > 1
    assert {curve.target: [level.level for level in curve.levels] for curve in load.curves} == {
        "of-a": [1, 4],
        "of-b": [1, 2, 8],
    }
    text = markdown.render(report)
    assert re.findall(r"^### chat.*$", text, re.MULTILINE) == ["### chat"]
    assert f"{min(load.requests)} to {max(load.requests)} requests a pass" in text
    assert sum(chart.name.startswith("load") for chart in charts(report)) == 1
    assert "stands apart" not in "\n".join(report.notes)


def test_runs_without_a_level_in_common_have_one_load(tmp_path: Path) -> None:
    report = merged(
        tmp_path,
        "output_tokens = 24\nconcurrency = [1, 2]",
        "output_tokens = 24\nconcurrency = [4]",
    )
    assert [load.name for load in report.loads] == ["chat"]


def test_another_load_of_the_name_stands_apart_and_that_is_said(tmp_path: Path) -> None:
    """The third is as the second, and stands with it."""
    other = "output_tokens = 24\nrequests = 60\nconcurrency"
    report = merged(
        tmp_path,
        "output_tokens = 24\nrequests = 30\nconcurrency = [1, 2]",
        f"{other} = [2, 4]",
        f"{other} = [2]",
    )
    assert {load.name: [each.target for each in load.curves] for load in report.loads} == {
        "chat": ["of-a"],
        "chat @ b": ["of-b", "of-c"],
    }
    told = (
        "the load chat of b and c stands apart from that of a: they differ in requests of a level"
    )
    assert told in report.notes


def test_what_differs_is_named(tmp_path: Path) -> None:
    report = merged(
        tmp_path,
        "output_tokens = 24\nconcurrency = [1]",
        "output_tokens = 48\nconcurrency = [2]\nslo = { ttft_s = 1 }",
    )
    assert len(report.loads) == 2
    told = (
        "the load chat of b stands apart from that of a: they differ in the SLO, prompts or lengths"
    )
    assert told in report.notes
