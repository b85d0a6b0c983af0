"""Levels of load in a report: its struct, its page, its verdicts; of runs written by hand."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from crossbench.analysis.instrument import UNKNOWN
from crossbench.api import Boundary
from crossbench.journal.events import CellFailed, Event, LaunchEnded, PassTaken, SampleTaken
from crossbench.journal.folder import JOURNAL
from crossbench.journal.reader import read_events
from crossbench.report.build import build
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
from crossbench.suite.tables.scenario import Slo
from tests.comparison.scripted import LOADED, Script, report, write
from tests.conftest import TINY
from tests.report.material import spoilt

FEW = "concurrency = [1, 2, 4]\nslo = { ttft_s = 0.15, tpot_s = 0.1 }"
USERS = f"{FEW}\nrequests = 20"
"""Eighty requests of a level: enough to be sure that 95 in a hundred meet the SLO."""
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


def failing(scenario: str, *launches: str, lost: bool = True) -> Report:
    """The users of `even`, of which one level failed in the first of these launches; what the
    launches had measured of it is lost, or was made up for later."""
    with TemporaryDirectory() as place:
        folder, scripts = Path(place), {"even": SCRIPTS["even"]}
        run = write(folder / "run", suite(folder, {"users": USERS}, scripts), scripts)
        kept: list[Event] = []
        for event in read_events(run):
            if isinstance(event, LaunchEnded) and event.launch == launches[0]:
                kept.append(
                    CellFailed(
                        launch=event.launch,
                        scenario=scenario,
                        kind="oom",
                        phase="prefill",
                        message="no memory\nis left",
                    )
                )
            of_level = isinstance(event, SampleTaken | PassTaken) and (
                event.scenario == scenario and event.launch in launches
            )
            if not (lost and of_level):
                kept.append(event)
        text = b"".join(msgspec.json.encode(event) + b"\n" for event in kept)
        (run / JOURNAL).write_bytes(text)
        return build(run)


def section(report: Report) -> str:
    return as_markdown(report).partition("\n## Load\n")[2].partition("\n## ")[0]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, without the rule under the header."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [[table[0], *table[2:]] for table in found if table]


@cache
def usual() -> Report:
    return made({"users": USERS, "arriving": ARRIVING, "alone": ""})


def test_levels_are_found_by_scenario_and_target_with_their_two_speeds() -> None:
    users, arriving = usual().loads
    assert (users.name, users.arrivals, users.requests) == ("users", None, (20, 20, 20))
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
        "the highest level that meets the SLO is 2 users; at 4 users 0 % of requests do "
        "(95 % interval: 0 to 4.51 %)"
    )
    assert usual().loads[1].curves[0].verdict is None


def test_a_level_above_one_that_missed_does_not_count() -> None:
    """An engine that is slow while it has little to do: 0.16 s alone, 0.144 with two users."""
    odd = made({"users": USERS}, {"odd": Script(ttft_s=0.16, tpot_s=0.01, crowded=-0.1)})
    (found,) = odd.loads[0].curves
    assert [level.met for level in found.levels] == [False, True, True]
    assert found.highest is None
    assert found.verdict == (
        "no level is known to meet the SLO; at 1 user 0 % of requests do "
        "(95 % interval: 0 to 4.51 %)"
    )


def test_too_few_requests_leave_it_open_whether_a_level_meets_the_slo() -> None:
    """Sixteen, 32 and 64, of which all meet it."""
    (found,) = made({"users": FEW}, {"even": SCRIPTS["even"]}).loads[0].curves
    assert [level.met for level in found.levels] == [None, None, None]
    assert found.highest is None
    assert found.verdict == (
        "no level is known to meet the SLO; "
        "at 1 user it is open: 100 % of requests do (95 % interval: 79.4 to 100 %); "
        "at 2 users it is open: 100 % of requests do (95 % interval: 89.1 to 100 %); "
        "at 4 users it is open: 100 % of requests do (95 % interval: 94.4 to 100 %)"
    )


def test_an_open_level_below_does_not_hide_one_that_surely_meets_the_slo() -> None:
    load = FEW.replace("[1, 2, 4]", "[1, 20]")
    (found,) = made({"users": load}, {"even": SCRIPTS["even"]}).loads[0].curves
    assert [level.met for level in found.levels] == [None, True]
    assert found.highest == 20
    assert found.verdict == (
        "the highest level that meets the SLO is 20 users; at 1 user it is open: 100 % of requests "
        "do (95 % interval: 79.4 to 100 %)"
    )


def test_a_level_that_failed_in_one_launch_is_missed_whatever_the_others_gave() -> None:
    """Two launches before it had kept to the SLO in every request."""
    told = failing("users-c4", "b3-even", "b4-even")
    (found,) = told.loads[0].curves
    level = found.levels[-1]
    assert (level.launches, level.requests, level.failed) == (2, 40, 0)
    assert [each.met for each in found.levels] == [True, True, False]
    assert found.highest == 2
    assert found.verdict == (
        "the highest level that meets the SLO is 2 users; at 4 users it failed: no memory is left "
        "(oom, in b3-even)"
    )
    assert re.search(r"\| even +\| 4 users .*\| 0 of 40; the level failed \|", section(told))


def test_a_level_of_which_there_is_nothing_but_a_failure_stops_the_search() -> None:
    told = failing("users-c2", "b1-even", "b2-even", "b3-even", "b4-even")
    (found,) = told.loads[0].curves
    assert [(level.words, level.met) for level in found.levels] == [
        ("1 user", True),
        ("2 users", False),
        ("4 users", True),
    ]
    assert (found.levels[1].launches, found.levels[1].requests) == (0, 0)
    assert found.highest == 1
    assert found.verdict == (
        "the highest level that meets the SLO is 1 user; at 2 users it failed: no memory is left "
        "(oom, in b1-even)"
    )
    assert re.search(r"\| even +\| 2 users .*\| +the level failed \|", section(told))
    Draft202012Validator(json_schema()).validate(json.loads(as_json(told)))


def test_a_failure_that_a_later_try_made_up_for_is_none() -> None:
    (found,) = failing("users-c4", "b3-even", lost=False).loads[0].curves
    assert found.levels[-1].failure is None
    assert found.verdict == "every level measured meets the SLO, up to 4 users"


def test_the_page_has_a_row_for_each_level_of_each_target() -> None:
    page = as_markdown(usual())
    assert section(usual()).count("| even ") == 3 * (3 + 1)
    assert "The SLO is TTFT of at most 150 ms and TPOT of at most 100 ms; a level meets it" in page
    assert "- **crowded**: the highest level that meets the SLO is 2 users" in page
    assert "### users-c4" not in page
    assert "### alone" in page
    assert "TTFT p99 withheld" in page or "needs at least 368" in page


def test_all_that_is_not_a_percentile_stands_with_its_interval() -> None:
    speeds, served, _ = tables(section(usual()).partition("\n### arriving")[0])
    assert speeds[0][2:] == ["throughput", "decode of each user", "TTFT"]
    assert served[0][2:] == [
        "throughput, start and end included",
        "requests answered",
        "goodput",
        "SLO met",
        "failed",
    ]
    for row in (*speeds[1:4], *(row[:-1] for row in served[1:4])):
        assert all(re.search(r"\[[\d.,]+, [\d.,]+\]$", cell) for cell in row[2:]), row
    assert served[3][5] == "100 % [95.5, 100]"
    assert "Percentiles are of all launches pooled" in section(usual())


def test_why_prefill_is_missing_is_told() -> None:
    told = section(usual())
    assert "prefill withheld (even at 1 user; crowded at 1 user): fewer than 256 prompt" in told
    assert (
        "prefill withheld (even at 2 users, 4 users; crowded at 2 users, 4 users): requests wait "
        "for each other"
    ) in told


def test_a_percentile_with_a_value_is_not_said_to_be_withheld() -> None:
    """One request of each pass has too few tokens to tell their time."""

    def short(event: SampleTaken) -> SampleTaken:
        if event.prompt % 20 or event.scenario != "users-c4":
            return event
        record = event.record
        kept = replace(
            record,
            stamps_ns=record.stamps_ns[:9],
            counts=record.counts[:9],
            token_ids=(record.token_ids or ())[:9],
        )
        return replace(event, asked_tokens=9, record=kept)

    script = replace(SCRIPTS["even"], taken=short)
    told = section(made({"users": USERS}, {"even": script})).splitlines()
    (line,) = (line for line in told if "(4 of 80 samples)" in line)
    assert line == (
        "- Left out of decode, TPOT p50, TPOT p95, TPOT p99 (even at 4 users): fewer than 16 "
        "tokens after the first chunk (4 of 80 samples)."
    )
    assert "- TTFT p99, TPOT p99 withheld: too few values, p99 needs at least 368." in told
    assert not any("TPOT p50" in line and "withheld" in line for line in told)


def test_of_what_came_over_http_the_instruments_limit_is_not_known() -> None:
    served = replace(SCRIPTS["even"], loaded=replace(LOADED, boundary=Boundary.HTTP))
    found = made({"users": USERS}, {"served": served, "here": SCRIPTS["even"]})
    told = {cell.target: cell.overloaded for each in found.scenarios for cell in each.cells}
    assert told == {"served": UNKNOWN, "here": None}
    assert (
        "**instrument's limit not known**, served at 1 user, 2 users, 4 users: what the instrument "
        "carries is not known for HTTP"
    ) in section(found)


def test_reasoning_before_the_answer_is_told() -> None:
    def thinking(event: SampleTaken) -> SampleTaken:
        return replace(event, record=replace(event.record, reasoning_chunks=10))

    page = as_markdown(made({"alone": ""}, {"thinks": Script(taken=thinking), "tells": Script()}))
    assert (
        "**TTFT is of a token of reasoning, not of the answer**, in 4 of 4 requests of thinks on "
        "alone: 40 of their 96 chunks came before the answer."
    ) in page
    assert page.count("of a token of reasoning") == 1


def test_html_csv_and_json_have_the_levels_too() -> None:
    assert "the highest level that meets the SLO is 2 users" in as_html(usual())
    header, *rows = as_csv(usual()).splitlines()
    assert header.endswith(",load,level")
    assert any(row.endswith(",users,4.0") and ",throughput_tps," in row for row in rows)
    Draft202012Validator(json_schema()).validate(json.loads(as_json(usual())))


def test_hostile_names_stay_text() -> None:
    told = section(spoilt(usual()))
    assert "alert(1)" in told
    assert "<script>" not in told
    assert "\n# heading" not in told
    assert not any(ord(letter) < 32 and letter != "\n" for letter in told)
    rows = [line for line in told.splitlines() if line.startswith("|")]
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
