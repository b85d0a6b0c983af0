"""What may differ in a report of several runs: within a run what its own suite says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from crossbench.api import Boundary
from crossbench.comparison.compare import Compared, Comparison, Pair, compare
from crossbench.report.belonging import listed
from crossbench.report.comparisons import levelled_sides
from crossbench.report.given import asked
from crossbench.report.markdown import page as markdown
from crossbench.report.model import Report
from crossbench.report.remarks import remarks
from crossbench.suite.model import Comparison as Asked
from crossbench.suite.model import Suite
from crossbench.suite.tables.comparison import USUAL_AXIS, Axis
from tests.comparison.scripted import LOADED, Script, settled, write
from tests.report.material import suite

SERVER = Script(tpot_s=0.005, loaded=replace(LOADED, boundary=Boundary.HTTP))


def run(
    folder: Path, scripts: dict[str, Script], title: str, started: str, axis: tuple[Axis, ...]
) -> str:
    def change(loaded: Suite) -> Suite:
        return replace(loaded, title=title, comparison=Asked(axis=axis))

    folder.mkdir()
    path = suite(folder, list(scripts), {"short": 32}, 6)
    return str(write(folder / "run", path, scripts, started=started, change=change))


@cache
def reports() -> tuple[Report, Report, Report]:
    """A run of the usual axis, one of the boundary and threads, and both in one, the first twice:
    `plain` and `served` in the first, `inside` and `behind` in the second."""
    with TemporaryDirectory() as place:
        usual = run(
            Path(place) / "a", {"plain": Script(), "served": SERVER}, "A", "2026-01-01", USUAL_AXIS
        )
        own = run(
            Path(place) / "b",
            {"inside": Script(loaded=settled(threads=4)), "behind": SERVER},
            "B",
            "2026-01-02",
            ("engine", "boundary"),
        )
        return asked([usual]), asked([own]), asked([f"a={usual}", f"b={own}"])


def ttft(comparisons: tuple[Comparison, ...], target: str, baseline: str) -> Compared:
    (found,) = (each for each in comparisons if (each.target, each.baseline) == (target, baseline))
    return next(each for each in found.metrics if each.metric == "ttft_s")


def test_each_run_keeps_its_own_refusals_and_ratios() -> None:
    usual, own, both = reports()
    refused = ttft(usual.comparisons, "served", "plain")
    given = ttft(own.comparisons, "behind", "inside")
    assert (refused.verdict, given.verdict) == ("refused", "tie")
    assert ttft(both.comparisons, "served", "plain") == refused
    kept = ttft(both.further, "behind", "inside")
    assert (kept.ratio, kept.verdict) == (given.ratio, "tie")


def test_between_runs_only_what_both_declare_may_differ() -> None:
    _, _, both = reports()
    assert ttft(both.comparisons, "behind", "plain").verdict == "refused"
    axes = {(each.target, each.baseline): each.axis for each in (*both.comparisons, *both.further)}
    assert axes == {
        ("served", "plain"): USUAL_AXIS,
        ("inside", "plain"): ("engine",),
        ("behind", "plain"): ("engine",),
        ("behind", "inside"): ("engine", "boundary"),
    }


def test_the_same_two_are_held_by_each_axis_anew() -> None:
    report, _, _ = reports()
    sides = levelled_sides(report.scenarios, report.targets)[0]["short"]
    pair = Pair(scenario="short", target=sides["served"], baseline=sides["plain"], paired=True)
    judged = compare([pair, replace(pair, axis=("boundary",)), pair], USUAL_AXIS)
    assert [each.metrics[0].verdict == "refused" for each in judged] == [True, False, True]


def test_all_of_it_is_judged_together() -> None:
    """A p of a run grows as the other run's ratios come beside its own."""
    _, own, both = reports()
    alone = own.comparisons[0].metrics[-1]
    (beside,) = (each.metrics[-1] for each in both.further if each.target == "behind")
    assert alone.p is not None
    assert beside.p is not None
    assert (alone.metric, alone.verdict) == (beside.metric, "faster")
    assert beside.p > alone.p


def test_remarks_name_the_axis_of_their_own_two() -> None:
    _, _, both = reports()
    told = [(each.subject, each.text) for each in remarks(both.further, both.axis)]
    assert ("behind", "besides engine, boundary it differs in threads 1 against 4") in told
    text = markdown.render(both)
    assert "behind: **besides engine, boundary it differs in threads 1 against 4**" in text
    assert "besides engine it differs in threads 4 against 1" in text


def test_a_remark_names_the_baseline_where_a_target_has_two() -> None:
    _, own, both = reports()
    behind = [each for each in both.comparisons if each.target == "behind"]
    told = [each.subject for each in remarks([*behind, *both.further], ())]
    assert "behind against plain" in told
    assert "behind against inside" in told
    assert {each.subject for each in remarks(own.comparisons, own.axis)} == {"behind"}


def test_nothing_declared_is_not_named() -> None:
    _, _, both = reports()
    bare = [replace(each, axis=()) for each in both.further]
    assert any(each.text.startswith("it differs in threads") for each in remarks(bare, ()))


def test_the_title_names_two_runs_at_most(tmp_path: Path) -> None:
    _, _, both = reports()
    assert both.title == "A / B"
    three = [
        run(tmp_path / name, {name: Script()}, title, f"2026-01-0{day}", USUAL_AXIS)
        for day, (name, title) in enumerate({"a": "A", "b": "A", "c": "B", "d": "C"}.items(), 1)
    ]
    assert asked(three[:2]).title == "A"
    assert asked(three).title == "A / B and 1 more"


def test_names_stay_apart_in_running_text() -> None:
    _, _, both = reports()
    assert "2 runs: a; b." in markdown.render(both)
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a, 1", "b", "c"]) == "a, 1; b and c"
