"""Two reports held against each other: which targets and scenarios meet, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.journal.manifest import SCHEMA as RUNS
from crossbench.report.model import SCHEMA
from crossbench.report.saved import named
from crossbench.report.versus import versus, within
from crossbench.report.write import as_json, write
from tests.comparison import scripted
from tests.comparison.scripted import Script
from tests.comparison.test_unfair_pairs import PROTOCOL, SCENARIO
from tests.conftest import SuiteWriter

LATER = "2026-02-01T00:00:00Z"


@pytest.fixture
def run(tmp_path: Path, suite: SuiteWriter) -> Callable[..., Path]:
    """Writes the folder of a run of these targets."""

    def made(folder: str, *targets: str, scenarios: str = SCENARIO, started: str = LATER) -> Path:
        path = suite(dict.fromkeys(targets, ""), protocol=PROTOCOL, scenarios=scenarios)
        scripts = {name: Script() for name in targets}
        return scripted.write(tmp_path / folder, path, scripts, started=started)

    return made


def pairs(one: object, other: object) -> list[tuple[str, str]]:
    found = versus(named(str(one)), named(str(other)))
    return [(each.target, each.baseline) for each in found.comparisons]


def test_targets_of_one_name_meet(run: Callable[..., Path]) -> None:
    old, new = run("old", "a", "b", started="2026-01-01T00:00:00Z"), run("new", "b", "c", "a")
    assert pairs(old, new) == [("new#b", "old#b"), ("new#a", "old#a")]


def test_two_targets_of_one_run_are_paired(run: Callable[..., Path]) -> None:
    folder = run("run", "a", "b")
    found = versus(named(f"{folder}#a"), named(f"{folder}#b"))
    (comparison,) = found.comparisons
    assert comparison.paired
    assert (comparison.target, comparison.baseline) == ("b", "a")
    assert found.notes == ()


def test_a_named_target_meets_the_one_of_its_name_or_the_only_one(
    run: Callable[..., Path],
) -> None:
    old = run("old", "a", "b", started="2026-01-01T00:00:00Z")
    assert pairs(f"{old}#b", run("new", "b", "c")) == [("new#b", "old#b")]
    assert pairs(f"{old}#b", run("only", "x")) == [("only#x", "old#b")]


def test_a_run_is_compared_with_a_saved_report(run: Callable[..., Path], tmp_path: Path) -> None:
    old, new = run("old", "a", started="2026-01-01T00:00:00Z"), run("new", "a")
    kept = tmp_path / "main.json"
    kept.write_bytes(as_json(named(str(old)).report))
    assert pairs(kept, new) == [("new#a", "main.json#a")]
    (of_file,) = versus(named(str(kept)), named(str(new))).comparisons
    (of_run,) = versus(named(str(old)), named(str(new))).comparisons
    assert of_file.metrics == of_run.metrics


def test_a_run_alone_is_held_against_its_baseline(run: Callable[..., Path]) -> None:
    found = within(named(str(run("run", "a", "b", "c"))))
    assert [each.target for each in found.comparisons] == ["b", "c"]
    assert found.baseline.endswith("run#a")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("run#a", "run#a", "are the same"),
        ("run", "run", "are one run; name two targets of it"),
        ("run#x", "run#a", "has no target 'x'; it has a, b"),
        ("run", "absent", "found neither a run's folder nor a saved report"),
        ("run#a", "other", "which of its targets is meant"),
        ("run#a", "elsewhere#a", "no scenario in common: suite trial has chat; suite trial has x"),
    ],
)
def test_what_cannot_be_compared_is_named(
    run: Callable[..., Path], tmp_path: Path, one: str, other: str, said: str
) -> None:
    run("run", "a", "b", started="2026-01-01T00:00:00Z")
    run("other", "c", "d")
    run("elsewhere", "a", scenarios=SCENARIO.replace("chat", "x"))
    with pytest.raises(InputError, match=said):
        pairs(tmp_path / one, tmp_path / other)


def test_one_target_alone_has_nothing_to_be_held_against(run: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="fewer than two of its targets"):
        within(named(str(run("run", "a"))))


def test_scenarios_that_one_side_lacks_are_named(run: Callable[..., Path]) -> None:
    more = SCENARIO + SCENARIO.replace("chat", "more")
    old, new = run("old", "a", scenarios=more, started="2026-01-01T00:00:00Z"), run("new", "a")
    found = versus(named(str(old)), named(str(new)))
    assert "only old has scenario more" in found.notes
    assert len(found.comparisons) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is no report of crossbench"),
        ("[1]", "is no report of crossbench"),
        ("\x00", "is no report of crossbench"),
        (f'{{"schema": {SCHEMA + 1}, "definitions": 1}}', "is newer than this crossbench"),
        ('{"schema": 1, "definitions": 1}', "make it anew from its run: crossbench report RUN"),
        (f'{{"schema": {SCHEMA}, "definitions": 2}}', "is no report of crossbench"),
    ],
)
def test_a_file_that_is_no_report_of_this_schema_is_refused(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "kept.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        named(str(path))


def test_a_run_of_a_newer_schema_is_refused(run: Callable[..., Path]) -> None:
    folder = run("run", "a")
    manifest = folder / "run.json"
    manifest.write_text(manifest.read_text().replace(f'"schema": {RUNS}', '"schema": 99', 1))
    with pytest.raises(InputError, match="schema 99 is newer than this crossbench"):
        named(str(folder))


def test_a_report_read_back_is_the_same(run: Callable[..., Path]) -> None:
    folder = run("run", "a", "b")
    made = write(folder)
    assert named(str(folder / "report.json")).report == made


def test_other_definitions_refuse_every_ratio(run: Callable[..., Path], tmp_path: Path) -> None:
    old, new = run("old", "a", started="2026-01-01T00:00:00Z"), run("new", "a")
    kept = tmp_path / "old.json"
    written = as_json(named(str(old)).report)
    kept.write_bytes(written.replace(b'"version 2"', b'"version 1"'))
    (found,) = versus(named(str(kept)), named(str(new))).comparisons
    assert {each.verdict for each in found.metrics} == {"refused"}
    assert "the metrics are defined differently" in found.metrics[0].reason


def test_the_reader_may_choose_another_baseline(run: Callable[..., Path]) -> None:
    folder = run("run", "a", "b")
    assert write(folder, baseline="b").comparisons[0].baseline == "b"
    with pytest.raises(InputError, match=r"no such target measured .*; measured were a, b"):
        write(folder, baseline="bb")
