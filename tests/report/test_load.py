"""Levels of load in a report: its struct, its page, its verdicts; of runs written by hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jsonschema import Draft202012Validator

from crossbench.report.csv import render as as_csv
from crossbench.report.headline import columns
from crossbench.report.html.page import render as as_html
from crossbench.report.json_schema import json_schema
from crossbench.report.llama_bench import lines
from crossbench.report.loads import curve
from crossbench.report.markdown.load import limits
from crossbench.report.markdown.page import render as as_markdown
from crossbench.report.model import Report
from crossbench.report.saved import Named
from crossbench.report.versus import versus
from crossbench.report.write import as_json
from crossbench.suite.schema import Slo
from tests.comparison.scripted import Script, report
from tests.conftest import TINY
from tests.report.material import spoilt

USERS = "concurrency = [1, 2, 4]\nslo = { ttft_s = 0.15, tpot_s = 0.1 }"
ARRIVING = 'rate = 20\nrequests = 60\narrivals = "constant"'
SCRIPTS = {
    "even": Script(ttft_s=0.1, tpot_s=0.010),
    "crowded": Script(ttft_s=0.1, tpot_s=0.010, crowded=0.25),
}


def suite(folder: Path, loads: dict[str, str], targets: dict[str, Script]) -> Path:
    tables = "".join(
        f'[targets.{name}]\nbackend = "null"\nartifact = "{TINY / "config.json"}"\n'
        for name in targets
    )
    blocks = "".join(
        f'[[scenarios]]\nname = "{name}"\nprompt_tokens = 32\noutput_tokens = 24\n{load}\n'
        for name, load in loads.items()
    )
    path = folder / "load.toml"
    path.write_text(
        f'schema = 1\nname = "load"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n{tables}'
        f"[protocol]\nlaunches = 4\nrepeats = 1\nwarmups = 0\nburn_in = 0\nsentinel = false\n"
        f"{blocks}"
    )
    return path


def made(loads: dict[str, str], targets: dict[str, Script] = SCRIPTS) -> Report:
    with TemporaryDirectory() as place:
        folder = Path(place)
        return report(folder / "run", suite(folder, loads, targets), targets)


@cache
def usual() -> Report:
    return made({"users": USERS, "arriving": ARRIVING, "alone": ""})


def test_levels_are_found_by_scenario_and_target_with_their_two_speeds() -> None:
    users, arriving = usual().loads
    assert (users.name, users.arrivals, users.requests) == ("users", None, (4, 8, 16))
    assert (arriving.name, arriving.arrivals, arriving.room) == ("arriving", "constant", 32)
    points = curve(usual(), users, "even")
    assert [point.level.words for point in points] == ["1 user", "2 users", "4 users"]
    assert [point.user.value for point in points] == pytest.approx([100] * 3, rel=0.01)
    gained = [point.throughput.value for point in points]
    # 24 tokens in 0.33 s of each user: all of them busy from the first wave to the last.
    assert gained == pytest.approx([72.7, 145.5, 290.9], rel=0.01)
    assert all(point.throughput.ci95 for point in points)
    slower = curve(usual(), users, "crowded")
    assert slower[2].user.value == pytest.approx(100 / 1.75, rel=0.01)


def test_the_highest_level_that_meets_the_slo_is_told() -> None:
    """With four users the crowded one gives its first token after 0.175 s."""
    even, crowded = usual().loads[0].curves
    assert even.highest == 4
    assert even.verdict == "every level measured meets the SLO, up to 4 users"
    assert [level.met for level in crowded.levels] == [True, True, False]
    assert crowded.highest == 2
    assert crowded.verdict == (
        "the highest level that meets the SLO is 2 users; at 4 users 0.0 % of requests do"
    )
    assert usual().loads[1].curves[0].verdict is None


def test_a_level_above_one_that_missed_does_not_count() -> None:
    """An engine that is slow while it has little to do: 0.16 s alone, 0.144 with two users."""
    odd = made({"users": USERS}, {"odd": Script(ttft_s=0.16, tpot_s=0.01, crowded=-0.1)})
    (found,) = odd.loads[0].curves
    assert [level.met for level in found.levels] == [False, True, True]
    assert found.highest is None
    assert found.verdict == "no level is known to meet the SLO; at 1 user 0.0 % of requests do"


def test_the_page_has_a_row_for_each_level_of_each_target() -> None:
    page = as_markdown(usual())
    section = page.partition("## Load")[2].partition("\n## ")[0]
    assert section.count("| even ") == 2 * (3 + 1)
    assert "The SLO is TTFT of at most 150 ms and TPOT of at most 100 ms; a level meets it" in page
    assert "- **crowded**: the highest level that meets the SLO is 2 users" in page
    assert "### users-c4" not in page
    assert "### alone" in page
    assert "TTFT p99 withheld" in page or "needs at least 368" in page


def test_html_csv_and_json_have_the_levels_too() -> None:
    assert "the highest level that meets the SLO is 2 users" in as_html(usual())
    header, *rows = as_csv(usual()).splitlines()
    assert header.endswith(",load,level")
    assert any(row.endswith(",users,4.0") and ",throughput_tps," in row for row in rows)
    Draft202012Validator(json_schema()).validate(json.loads(as_json(usual())))


def test_hostile_names_stay_text() -> None:
    section = as_markdown(spoilt(usual())).partition("\n## Load\n")[2].partition("\n## ")[0]
    assert "alert(1)" in section
    assert "<script>" not in section
    assert "\n# heading" not in section
    assert not any(ord(letter) < 32 and letter != "\n" for letter in section)
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len({row.replace("\\|", "").count("|") for row in rows[:8]}) == 1


def test_throughput_is_compared_level_by_level() -> None:
    verdicts = {
        each.scenario: found.verdict
        for each in usual().comparisons
        for found in each.metrics
        if found.metric == "throughput_tps"
    }
    assert verdicts == {
        "users-c1": "tie",
        "users-c2": "slower",
        "users-c4": "slower",
        "arriving": "tie",
    }
    assert "throughput" in as_markdown(usual()).partition("## Comparison")[2]


def test_the_headline_has_throughput_at_the_highest_load_and_speed_without_any() -> None:
    shown = {column.metric: column.scenario for column in columns(made({"users": USERS}))}
    assert shown == {
        "decode_tps": "users-c1",
        "ttft_s": "users-c1",
        "throughput_tps": "users-c4",
    }


def test_what_is_measured_alone_is_no_load() -> None:
    alone = next(scenario for scenario in usual().scenarios if scenario.name == "alone")
    assert alone.load is None
    assert "throughput_tps" not in {metric.name for metric in alone.cells[0].metrics}
    assert {line["crossbench_scenario"] for line in lines(usual())} == {"alone"}


@pytest.mark.parametrize(
    ("load", "other", "refused"),
    [
        ("concurrency = 2", "concurrency = 4", True),
        ("concurrency = 2", "rate = 2\nrequests = 8", True),
        ("concurrency = 2", "", True),
        ("concurrency = 2\nrequests = 8", "concurrency = 2\nrequests = 9", True),
        ("concurrency = 2", "concurrency = 2\nslo = { ttft_s = 1 }", False),
    ],
)
def test_another_load_is_other_work(load: str, other: str, refused: bool) -> None:
    runs = [made({"s": each}, {"one": Script()}) for each in (load, other)]
    named = [
        Named(written=label, report=run, target=None) for label, run in zip("ab", runs, strict=True)
    ]
    (comparison,) = versus(*named).comparisons
    words = {found.verdict for found in comparison.metrics if found.metric == "decode_tps"}
    assert (words == {"refused"}) is refused


@pytest.mark.parametrize(
    ("slo", "told"),
    [
        (Slo(ttft_s=2.0), "TTFT of at most 2 s"),
        (Slo(tpot_s=0.1), "TPOT of at most 100 ms"),
        (
            Slo(ttft_s=2, tpot_s=0.1, e2e_s=30),
            "TTFT of at most 2 s, TPOT of at most 100 ms and end to end of at most 30 s",
        ),
    ],
)
def test_an_slo_is_told_in_words(slo: Slo, told: str) -> None:
    assert limits(slo) == told
