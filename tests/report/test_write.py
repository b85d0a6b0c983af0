from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.report.build import build
from crossbench.report.write import RENDERINGS, USUAL, place, write
from tests.comparison.scripted import Script
from tests.comparison.scripted import write as scripted
from tests.conftest import Crossbench
from tests.report.material import SCENARIOS, TARGETS, suite


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = suite(tmp_path, list(TARGETS), SCENARIOS, 4)
    return scripted(tmp_path / "run", path, TARGETS)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_run_gives_the_same_bytes_in_every_format(run: Path) -> None:
    write(run, tuple(RENDERINGS))
    before = contents(run)
    assert {f"report.{each.ending}" for each in RENDERINGS.values()} <= set(before)
    write(run, tuple(RENDERINGS))
    assert contents(run) == before


def test_markdown_shows_the_charts_beside_it(run: Path) -> None:
    write(run, ("md",))
    named = re.findall(r"!\[[^]]*\]\((charts/[^)]*)\)", (run / "report.md").read_text())
    assert named[:2] == ["charts/decode.svg", "charts/prefill.svg"]
    assert sorted(named) == sorted(f"charts/{path.name}" for path in (run / "charts").iterdir())


def test_a_chart_of_an_earlier_report_does_not_stay(run: Path) -> None:
    old = run / "charts" / "old.svg"
    old.parent.mkdir()
    old.write_text("")
    write(run, USUAL)
    assert not old.exists()


def test_a_run_without_values_leaves_no_folder_of_charts(tmp_path: Path) -> None:
    nothing = Script(taken=lambda _event: None)
    path = suite(tmp_path, ["one"], {"short": 16}, 3)
    run = scripted(tmp_path / "run", path, {"one": nothing})
    write(run)
    assert not (run / "charts").exists()


def test_a_folder_that_cannot_be_written_is_said(run: Path) -> None:
    (run / "charts").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot write .*charts"):
        write(run)


@pytest.mark.slow
def test_formats_are_chosen_on_the_command_line(crossbench: Crossbench, run: Path) -> None:
    done = crossbench("report", run, "--format", "csv,llama-bench")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(place(run, "csv")), str(place(run, "llama-bench"))]
    assert not (run / "report.html").exists()


@pytest.mark.slow
def test_the_bench_card_is_printed_and_nothing_written(crossbench: Crossbench, run: Path) -> None:
    before = contents(run)
    done = crossbench("report", run, "--short")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) <= 40
    assert "two (16 bits) decodes" in done.stdout
    assert contents(run) == before


def test_the_command_is_told_without_the_places_of_its_files(run: Path) -> None:
    told = json.loads((run / "run.json").read_text())
    told["command"] = ["crossbench", "run", "a/b.toml", "--python", "vllm=/home/jo/venv/bin/python"]
    (run / "run.json").write_text(json.dumps(told))
    assert build(run).command[2:] == ("a/b.toml", "--python", "vllm=PATH/python")
