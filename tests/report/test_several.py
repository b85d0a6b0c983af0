"""Several runs in one report: two machines, or one machine again."""

from __future__ import annotations

import csv
import re
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.machine.model import Machine
from crossbench.report.answer import answer
from crossbench.report.belonging import Given
from crossbench.report.charts.all import charts
from crossbench.report.given import asked
from crossbench.report.html import page as html
from crossbench.report.labels import labelled, machine_label
from crossbench.report.markdown import page as markdown
from crossbench.report.markdown.headline import card
from crossbench.report.model import NonResultReport, NullTest, Report
from crossbench.report.several import several
from crossbench.report.write import RENDERINGS
from tests.comparison.scripted import MACHINE, Script, write
from tests.conftest import Crossbench
from tests.report.material import suite

MAC = replace(MACHINE, platform="macos-arm64", cpu="Apple M3 Max", memory_bytes=64 * 2**30)
SLOW, FAST, FASTER = Script(), Script(tpot_s=0.005), Script(tpot_s=0.0025, ttft_s=0.05)
SCENARIOS = {"short": 32, "long": 300}


def run(
    folder: Path,
    scripts: dict[str, Script],
    *,
    machine: Machine = MACHINE,
    started: str = "2026-01-01T00:00:00Z",
    scenarios: dict[str, int] | None = None,
    artifacts: dict[str, str] | None = None,
) -> Path:
    folder.mkdir(parents=True)
    path = suite(folder, list(scripts), scenarios or SCENARIOS, 6)
    return write(
        folder / "run", path, scripts, machine=machine, started=started, artifacts=artifacts
    )


@cache
def two_machines() -> Report:
    """The box has `one` and `two`; the Mac has `one` again, and `three`."""
    with TemporaryDirectory() as place:
        box = run(Path(place) / "box", {"one": SLOW, "two": FAST})
        mac = run(Path(place) / "mac", {"one": FAST, "three": FASTER}, machine=MAC)
        return asked([f"box={box}", f"mac={mac}"])


@cache
def again() -> Report:
    """One machine twice; the second time `two` was slower."""
    with TemporaryDirectory() as place:
        first = run(Path(place) / "a", {"one": SLOW, "two": FAST})
        later = run(Path(place) / "b", {"one": SLOW, "two": SLOW}, started="2026-01-02T00:00:00Z")
        return asked([str(first), str(later)])


def test_targets_of_one_name_are_told_apart() -> None:
    assert [(target.name, target.run) for target in two_machines().targets] == [
        ("one @ box", "box"),
        ("two", "box"),
        ("one @ mac", "mac"),
        ("three", "mac"),
    ]


def test_scenarios_hold_the_cells_of_all_runs() -> None:
    report = two_machines()
    assert [scenario.name for scenario in report.scenarios] == ["short", "long"]
    for scenario in report.scenarios:
        assert [cell.target for cell in scenario.cells] == [
            "one @ box",
            "two",
            "one @ mac",
            "three",
        ]


def test_a_run_is_compared_in_pairs_and_runs_are_not() -> None:
    report = two_machines()
    assert report.baseline == "one @ box"
    assert {(each.target, each.paired) for each in report.comparisons} == {
        ("two", True),
        ("one @ mac", False),
        ("three", False),
    }
    assert {(each.target, each.baseline, each.paired) for each in report.further} == {
        ("three", "one @ mac", True)
    }
    ratio = report.comparisons[1].metrics[-1].ratio
    assert ratio is not None
    assert ratio.point == pytest.approx(2, rel=0.01)
    assert not ratio.paired


def test_the_machine_is_named_beside_the_ratio() -> None:
    text = markdown.render(two_machines())
    assert re.search(r"one @ mac.*differs in machine Apple M3 Max", text)
    assert "(unpaired, by Welch's t)" in text
    assert "| unpaired |" in text


def test_the_answer_says_what_is_elsewhere_and_unpaired() -> None:
    told = answer(two_machines())
    assert told[0].startswith("three (16 bits) decodes 4.0")
    assert "times as fast as one @ box (16 bits) on short" in told[0]
    assert told[0].count("(on another machine, unpaired)") == 2
    assert re.search(r"two \(16 bits\) [\d.]+ times, [\d.]+ to [\d.]+[;.]", told[0])
    assert "in another run, unpaired" in answer(again())[0]


def test_every_machine_has_its_card_and_its_way_to_reproduce() -> None:
    for text in (markdown.render(two_machines()), html.render(two_machines())):
        assert "Apple M3 Max" in text
        assert "Some CPU" in text
        for title in ("Protocol", "Probes", "Integrity", "Reproduce"):
            assert f"{title}: box" in text, title
            assert f"{title}: mac" in text, title


def test_what_does_not_belong_together_is_labelled(tmp_path: Path) -> None:
    box = run(tmp_path / "box", {"one": SLOW, "two": FAST})
    mac = run(
        tmp_path / "mac",
        {"one": SLOW},
        machine=MAC,
        scenarios={"short": 32, "long": 400},
        artifacts={"one": "ef" * 32},
    )
    report = asked([f"box={box}", f"mac={mac}"])
    assert [scenario.name for scenario in report.scenarios] == ["short", "long", "long @ mac"]
    assert [len(scenario.cells) for scenario in report.scenarios] == [3, 2, 1]
    told = "\n".join(report.notes)
    assert "mac ran another suite than box (sha256 " in told
    assert "one is another artifact in mac than in box (sha256 efefefefefef against" in told
    assert "long is other work in mac than in box, and stands apart" in told
    text = markdown.render(report)
    assert all(note.split(" (")[0] in text for note in report.notes)


def test_one_machine_again_says_so_and_holds_the_two_against_each_other() -> None:
    report = again()
    labels = [run.label for run in report.runs]
    assert labels == ["Some CPU (run 1)", "Some CPU (run 2)"]
    assert (
        "Some CPU (run 1) and Some CPU (run 2) are one machine, or machines alike" in report.notes
    )
    found = {
        (each.target, each.baseline): {one.metric: one.verdict for one in each.metrics}
        for each in (*report.comparisons, *report.further)
        if each.scenario == "long"
    }
    first, second = (f" @ Some CPU (run {number})" for number in (1, 2))
    assert found[f"one{second}", f"one{first}"]["decode_tps"] == "tie"
    assert found[f"two{second}", f"two{first}"]["decode_tps"] == "slower"
    assert found[f"two{second}", f"one{second}"]["decode_tps"] == "tie"


def test_of_three_runs_each_is_held_against_all_before_it(tmp_path: Path) -> None:
    """What only the second and the third have is said of the two, and stands side by side."""
    other = {"short": 32, "long": 400, "last": 300}
    box = run(tmp_path / "box", {"one": SLOW, "other": SLOW})
    mac = run(
        tmp_path / "mac",
        {"two": SLOW},
        machine=MAC,
        scenarios=other,
        artifacts={"two": "ef" * 32},
    )
    nuc = run(
        tmp_path / "nuc",
        {"two": FAST, "three": FASTER},
        machine=MAC,
        scenarios=other,
        started="2026-01-02T00:00:00Z",
        artifacts={"two": "cd" * 32},
    )
    report = asked([f"box={box}", f"mac={mac}", f"nuc={nuc}"])
    assert "two is another artifact in nuc than in mac (sha256 cdcdcdcdcdcd against" in "\n".join(
        report.notes
    )
    assert "long is other work in mac and nuc than in box, and stands apart" in report.notes
    assert "mac and nuc are one machine, or machines alike" in report.notes
    cells = {each.name: [cell.target for cell in each.cells] for each in report.scenarios}
    pair = ["two @ mac", "two @ nuc", "three"]
    assert cells == {
        "short": ["one", "other", *pair],
        "long": ["one", "other"],
        "long @ mac": pair,
        "last": pair,
    }
    held = {
        (each.scenario, each.target, each.baseline): each.paired
        for each in (*report.comparisons, *report.further)
    }
    assert not held["last", "three", "two @ mac"]
    assert not held["long @ mac", "two @ nuc", "two @ mac"]
    assert held["last", "three", "two @ nuc"]
    assert len(held) == len(report.comparisons) + len(report.further)


def test_runs_that_have_nothing_in_common_but_through_a_third_are_taken(tmp_path: Path) -> None:
    ends = [
        run(tmp_path / name, {name: SLOW}, scenarios={name: 32}, machine=MAC) for name in ("a", "b")
    ]
    between = run(tmp_path / "c", {"c": SLOW}, scenarios={"a": 32, "b": 32})
    assert len(asked([str(ends[0]), str(ends[1]), str(between)]).runs) == 3
    with pytest.raises(InputError, match="nor through another run"):
        asked([str(ends[0]), str(ends[1])])


def test_what_could_not_run_here_and_did_elsewhere_is_said_once(tmp_path: Path) -> None:
    box = asked([str(run(tmp_path / "box", {"one": SLOW}))])
    mac = asked([str(run(tmp_path / "mac", {"one": FAST, "mlx": FASTER}, machine=MAC))])
    missing = [
        NonResultReport(
            target=target, scenario=None, word="unavailable", kind=None, reason="it needs a Mac"
        )
        for target in ("mlx", "other", "one")
    ]
    box = replace(box, non_results=tuple(missing))
    mac = replace(mac, null_test=NullTest(target="one", bands=(), winners=()))
    report = several([given(box, "a", "box"), given(mac, "b", "mac")])
    assert report.null_test is None
    assert "the null test of mac stands in its own report" in report.notes
    assert [each.target for each in report.non_results] == ["other", "one @ box"]
    assert "mlx could not run in box, and did elsewhere: it needs a Mac" in report.notes
    assert [target.name for target in report.targets] == ["one @ box", "one @ mac", "mlx"]


def test_a_baseline_is_chosen_by_its_name_here_or_in_its_run(tmp_path: Path) -> None:
    box = run(tmp_path / "box", {"one": SLOW, "two": FAST})
    mac = run(tmp_path / "mac", {"one": FAST, "three": FASTER}, machine=MAC)
    written = [f"box={box}", f"mac={mac}"]
    assert asked(written, "three").baseline == "three"
    assert asked(written, "one @ mac").baseline == "one @ mac"
    assert asked(written, "one").baseline == "one @ box"
    with pytest.raises(InputError, match="no run has such a target measured"):
        asked(written, "four")


def given(report: Report, written: str = "x", label: str | None = None) -> Given:
    return Given(written=written, label=label, report=report)


def test_what_cannot_stand_in_one_report_is_refused(tmp_path: Path) -> None:
    report = asked([str(run(tmp_path / "a", {"one": SLOW, "two": FAST}))])
    other = asked([str(run(tmp_path / "b", {"one": SLOW}, scenarios={"else": 40}))])
    with pytest.raises(InputError, match="b and a are one run; give it once"):
        several([given(report, "a"), given(report, "b")])
    with pytest.raises(InputError, match="b and a have no scenario in common"):
        several([given(report, "a"), given(other, "b")])
    later = replace(report, started="2026-02-01T00:00:00Z", definitions=1)
    with pytest.raises(InputError, match="the same names mean other numbers"):
        several([given(report, "a"), given(later, "b")])
    with pytest.raises(InputError, match="holds several runs already"):
        several([given(two_machines(), "a"), given(report, "b")])
    later = replace(later, definitions=report.definitions)
    third = replace(later, started="2026-03-01T00:00:00Z")
    called = [given(report, "a", "x (run 2)"), given(later, "b", "x"), given(third, "c", "x")]
    with pytest.raises(InputError, match=r"two runs are called x \(run 2\); give each a label"):
        several(called)


def test_csv_tells_run_and_pairing() -> None:
    rows = list(csv.DictReader(StringIO(RENDERINGS["csv"].render(two_machines()).decode())))
    told = {(row["target"], row["run"], row["paired"]) for row in rows if row["verdict"]}
    assert told == {("two", "box", "yes"), ("one @ mac", "mac", "no"), ("three", "mac", "no")}


def test_a_target_keeps_its_colour_in_every_chart() -> None:
    for chart in charts(two_machines()):
        found = dict(re.findall(r'class="k(\d)" data-target="(\d)"', chart.body))
        assert all(colour == place for colour, place in found.items())


@pytest.mark.parametrize("name", RENDERINGS)
def test_the_same_runs_give_the_same_bytes(name: str) -> None:
    again = two_machines.__wrapped__()
    assert RENDERINGS[name].render(two_machines()) == RENDERINGS[name].render(again)


def test_the_bench_card_has_room_for_both() -> None:
    lines = card(two_machines()).splitlines()
    assert len(lines) <= 40
    assert sum(line.startswith("- box: tiny on Some CPU") for line in lines) == 1
    assert sum(line.startswith("- mac: tiny on Apple M3 Max") for line in lines) == 1


def test_machines_have_short_names() -> None:
    cards = ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090")
    assert machine_label(replace(MACHINE, cuda_devices=cards)) == "2x RTX 4090"
    assert machine_label(replace(MACHINE, cpu="Intel(R) Xeon(R) CPU @ 2.20GHz")) == "Intel Xeon"
    assert machine_label(replace(MACHINE, cpu="")) == "machine"
    assert labelled([None, None, "mac"], [MACHINE, MACHINE, MAC]) == [
        "Some CPU (run 1)",
        "Some CPU (run 2)",
        "mac",
    ]


@pytest.mark.slow
def test_the_command_takes_runs_labels_and_saved_reports(
    crossbench: Crossbench, tmp_path: Path
) -> None:
    box = run(tmp_path / "box", {"one": SLOW, "two": FAST})
    mac = run(tmp_path / "mac", {"one": FAST}, machine=MAC)
    done = crossbench("report", box, mac)
    assert done.returncode == 2
    assert "name the folder of their report: --out DIR" in done.stderr
    assert crossbench("report", mac, "--format", "json").returncode == 0
    done = crossbench("report", box, f"mac={mac / 'report.json'}", "--out", "both")
    assert done.returncode == 0, done.stderr
    assert "one @ mac" in (tmp_path / "both" / "report.md").read_text()
    assert crossbench("compare", "both/report.json", box).returncode == 2
    assert crossbench("report", mac, "--no-redact", "--format", "json").returncode == 0
    done = crossbench("report", box, mac / "report.json", "--out", "both")
    assert "was made with --no-redact" in done.stderr
