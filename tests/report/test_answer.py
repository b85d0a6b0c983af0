from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from crossbench.analysis.check import Check
from crossbench.api import Fact, Finding
from crossbench.report.answer import answer
from crossbench.report.headline import columns
from crossbench.report.markdown.headline import card
from crossbench.report.model import NonResultReport
from tests.comparison.scripted import LOADED, Script
from tests.report.material import made, usual
from tests.report.test_interference import every
from tests.report.test_interference import made as interfered


def test_it_says_who_is_faster_by_how_much_and_how_sure_that_is() -> None:
    decode = answer(usual())[0]
    assert decode.startswith("two (16 bits) decodes 2.0") or decode.startswith(
        "two (16 bits) decodes 1.99"
    )
    assert " times as fast as one (16 bits) on short, " in decode
    assert "same" not in decode.split(";")[0]


def test_ties_are_said_to_be_ties() -> None:
    assert "; tied with it: same." in answer(usual())[0]


def test_a_baseline_that_is_faster_than_all_leads_the_sentence() -> None:
    prefill = answer(usual())[1]
    assert re.fullmatch(
        r"one \(16 bits\) prefills (2\.0|1\.99)\d* times as fast as two \(16 bits\) on middle, "
        r"1\.99\d to 2\.0\d+; tied with it: same\.",
        prefill,
    )


def test_a_slower_target_behind_a_faster_one_is_told_as_a_part_of_the_speed() -> None:
    scripts = {"one": Script(), "two": Script(tpot_s=0.005), "half": Script(tpot_s=0.02)}
    decode = answer(made(scripts))[0]
    assert re.match(r"two \(16 bits\) decodes (2\.0|1\.99)", decode)
    assert re.search(r"; half \(16 bits\) 0\.(5|49)\d* times, 0\.49\d to 0\.5\d+", decode)


def test_quality_is_never_passed_over() -> None:
    assert answer(usual())[-1] == "Quality not measured: the suite names no text to score."


def test_without_enough_launches_nobody_wins() -> None:
    told = answer(made(launches=1))
    assert told[0].startswith("No target decodes certainly faster or slower than one (16 bits)")
    assert "undecided: two, same" in told[0]


def test_a_single_target_is_told_with_its_values() -> None:
    told = answer(made({"one": Script()}))
    assert told[0].startswith("Decode on short: one (16 bits) ")
    assert "tok/s [" in told[0]


def test_without_a_prefill_the_first_token_is_told() -> None:
    told = answer(made(scenarios={"short": 16}))
    assert [column.metric for column in columns(usual())] == ["decode_tps", "prefill_tps", "ttft_s"]
    assert told[1].startswith("one (16 bits) gives its first token ")
    assert " times as fast as two (16 bits) on short, " in told[1]


def test_nothing_measured_is_no_reason_to_fail() -> None:
    bare = replace(usual(), scenarios=(), comparisons=(), baseline=None)
    assert len(answer(bare)) == 1
    assert len(card(bare).splitlines()) <= 40


def test_the_bench_card_has_at_most_40_lines() -> None:
    many = made({f"target-{place}": Script() for place in range(40)}, {"short": 16}, launches=3)
    lines = card(many).splitlines()
    assert len(lines) <= 40
    assert "28 further targets not shown." in lines


def test_the_bench_card_tells_what_was_not_measured_and_how_to_do_it_again() -> None:
    reasons = ["no such device", "oom " * 100, "c", "d", "e", "f"]
    missing = tuple(
        NonResultReport(
            target=f"t{place}", scenario=None, word="unavailable", kind=None, reason=reason
        )
        for place, reason in enumerate(reasons)
    )
    lines = card(replace(usual(), non_results=missing)).splitlines()
    assert len(lines) <= 40
    assert "- t0 on every scenario: unavailable: no such device" in lines
    assert all(len(line) < 400 for line in lines)
    assert "- and 3 further non-results, in the report." in lines
    assert lines[-1].endswith("`crossbench run material.toml`")


def test_the_bench_card_says_what_would_mislead_who_reads_nothing_else() -> None:
    unfair = Finding(
        rule="eager", severity="unfair", targets=("one",), evidence="no compiler", fix="drop it"
    )
    hot = Check(
        rule="throttled", origin="machine", subject="two", found=True, evidence="heat, 3 of 9"
    )
    wide = Script(loaded=replace(LOADED, kv_dtype=Fact("f32", "api")))
    other = made({"one": Script(), "two": wide}, {"short": 16}, launches=3)
    lines = card(replace(other, findings=(unfair,), checks=(hot,))).splitlines()
    assert "- **one: unfair: no compiler**" in lines
    assert "- **two: clocks held back: heat, 3 of 9**" in lines
    assert any(line.startswith("- **two: besides ") and "KV dtype" in line for line in lines)
    assert len(lines) <= 40


def test_what_another_job_costs_leads_where_one_worked_beside(tmp_path: Path) -> None:
    (tmp_path / "certain").mkdir()
    certain = interfered(tmp_path / "certain", 1.5, every())
    told = answer(certain)
    assert told[0].startswith(
        "Beside another job than alone: front beside back on job decodes 0.667 "
    )
    assert len(told) == 3
    (tmp_path / "open").mkdir()
    told = answer(interfered(tmp_path / "open", 1.5, every(2), launches=2))
    assert told[0] == (
        "Beside another job nothing is certainly slower than alone; undecided: 0.667 times as fast "
        "beside back on job."
    )
