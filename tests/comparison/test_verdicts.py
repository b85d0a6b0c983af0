"""What is said of two targets, from a run's journal to its report."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.comparison.compare import Comparison
from crossbench.journal.events import SampleTaken
from crossbench.report.markdown import page
from crossbench.report.model import Report
from crossbench.suite.twin import twinned
from tests.comparison.scripted import LOADED, Script, report
from tests.comparison.test_unfair_pairs import PROTOCOL, SCENARIO, metric
from tests.conftest import SuiteWriter

FAIR = Script()
SLOWER = Script(ttft_s=0.11, tpot_s=0.011)
TWO_PROMPTS = (
    '[[scenarios]]\nname = "chat"\noutput_tokens = 24\n'
    'prompts = [{ text = "Once upon a time" }, { text = "A much longer text, which goes on" }]\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def compared(made: Report) -> Comparison:
    (found,) = made.comparisons
    return found


def words(made: Report) -> dict[str, str]:
    return {each.metric: each.verdict for each in compared(made).metrics}


def test_a_target_that_takes_ten_percent_longer_is_slower(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": SLOWER})
    assert words(made) == dict.fromkeys(("ttft_s", "prefill_tps", "decode_tps"), "slower")
    decode = metric(compared(made), "decode_tps")
    assert decode.ratio is not None
    assert decode.ratio.point == pytest.approx(1 / 1.1, rel=0.005)
    assert decode.ratio.ci95 is not None
    assert decode.ratio.ci95.low < 1 / 1.1 < decode.ratio.ci95.high
    assert "**slower**" in page.render(made)


def test_the_other_way_round_it_is_faster(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    assert set(words(report(folder, path, {"a": SLOWER, "b": FAIR})).values()) == {"faster"}


def test_the_same_is_a_tie_and_nothing_in_it_is_bold(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": FAIR})
    assert set(words(made).values()) == {"tie"}
    shown, _, _ = page.render(made).partition("## Prompts")
    rows = [line for line in shown.splitlines() if line.startswith("| chat ")]
    assert len(rows) == 1
    assert "tie" in rows[0]
    assert "**" not in rows[0]


def test_a_quick_run_names_nobody(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol='profile = "quick"', scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": SLOWER})
    assert set(words(made).values()) == {"inconclusive"}
    (scenario,) = made.scenarios
    assert all(each.ci95 is None for cell in scenario.cells for each in cell.metrics)
    text = page.render(made)
    assert "no intervals, no ranking" in text
    assert "1 launch; an interval needs at least 3" in text


def test_two_launches_are_too_few(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol="launches = 2\nrepeats = 3", scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": SLOWER})
    assert set(words(made).values()) == {"inconclusive"}
    assert "2 launches; an interval needs at least 3" in page.render(made)


def test_a_target_that_failed_in_a_block_is_paired_over_the_others(
    folder: Path, suite: SuiteWriter
) -> None:
    """Block 1 was slow for everyone: without its partner a launch of it must not count."""
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": replace(SLOWER, missing=(1, 4))})
    decode = metric(compared(made), "decode_tps").ratio
    assert decode is not None
    assert (decode.n, decode.dropped) == (4, 2)
    a, b = ({m.name: m for m in cell.metrics}["decode_tps"] for cell in made.scenarios[0].cells)
    pairs = [b.launches[f"b{n}-b"] / a.launches[f"b{n}-a"] for n in (1, 3, 4, 6)]
    product = pairs[0] * pairs[1] * pairs[2] * pairs[3]
    assert decode.point == pytest.approx(product**0.25)


def test_a_third_target_of_other_prompts_does_not_part_the_others(
    folder: Path, suite: SuiteWriter
) -> None:
    path = suite({"a": "", "b": "", "c": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    served = Script(loaded=replace(LOADED, prompt="template"))
    made = report(folder, path, {"a": FAIR, "b": replace(FAIR, missing=(2,)), "c": served})
    b, c = made.comparisons
    assert {each.verdict for each in b.metrics} == {"tie"}
    assert {each.verdict for each in c.metrics} == {"refused"}


def test_a_target_that_failed_everywhere_has_no_ratio_and_no_verdict(
    folder: Path, suite: SuiteWriter
) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)

    def shortened(event: SampleTaken) -> SampleTaken:
        return replace(event, asked_tokens=event.asked_tokens + 1)

    made = report(folder, path, {"a": FAIR, "b": Script(taken=shortened)})
    assert set(words(made).values()) == {"unmeasured"}
    assert all("no valid sample" in each.reason for each in compared(made).metrics)
    assert "no ratio of TTFT, prefill, decode: b has no value" in page.render(made)


def test_a_pass_that_lacks_a_prompt_is_left_out_whole(folder: Path, suite: SuiteWriter) -> None:
    """The long prompt's sample of one pass is invalid; its short one must not count alone."""

    def torn(event: SampleTaken) -> SampleTaken:
        if event.launch == "b2-b" and event.repeat == 1 and event.prompt == 1:
            return replace(event, asked_tokens=99)
        return event

    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=TWO_PROMPTS)
    made = report(folder, path, {"a": FAIR, "b": Script(taken=torn)})
    a, b = ({m.name: m for m in cell.metrics}["ttft_s"] for cell in made.scenarios[0].cells)
    assert "passes that lack a prompt are left out (1 samples)" in b.reasons
    assert a.reasons == ()
    assert b.launches["b2-b"] == pytest.approx(a.launches["b2-a"], rel=0.01)


def test_one_token_has_a_first_token_time_and_no_decode(folder: Path, suite: SuiteWriter) -> None:
    scenarios = SCENARIO.replace("24", "1")
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=scenarios)
    made = report(folder, path, {"a": FAIR, "b": SLOWER})
    assert words(made) == {"ttft_s": "slower", "prefill_tps": "slower"}
    assert "fewer than 16 tokens after the first chunk" in page.render(made)


def test_a_window_of_no_length_is_withheld(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    flat = Script(stamps=lambda stamps: [stamps[0]] * len(stamps))
    made = report(folder, path, {"a": FAIR, "b": flat})
    decode = metric(compared(made), "decode_tps")
    assert (decode.verdict, decode.target) == ("unmeasured", None)
    assert "first and last chunk came at the same time" in decode.reason


def test_a_clock_that_runs_backwards_costs_its_samples(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    back = Script(stamps=lambda stamps: [*stamps[:-1], stamps[0]])
    made = report(folder, path, {"a": FAIR, "b": back})
    assert set(words(made).values()) == {"unmeasured"}
    assert "the clock ran backwards" in page.render(made)


def test_a_clock_that_jumps_ahead_in_one_launch_makes_nobody_slower(
    folder: Path, suite: SuiteWriter
) -> None:
    """The jump cannot be told from an engine that stalled: it widens the interval."""

    def jumped(event: SampleTaken) -> SampleTaken:
        if event.launch != "b1-b":
            return event
        stamps = (*event.record.stamps_ns[:10], *(s + 10**10 for s in event.record.stamps_ns[10:]))
        return replace(event, record=replace(event.record, stamps_ns=stamps))

    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    made = report(folder, path, {"a": FAIR, "b": Script(taken=jumped)})
    assert metric(compared(made), "decode_tps").verdict == "inconclusive"
    assert "**outlier**, decode of b" in page.render(made)


def test_launches_that_do_not_differ_at_all_are_no_proof(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    still = replace(FAIR, steady=True)
    made = report(folder, path, {"a": still, "b": replace(SLOWER, steady=True)})
    assert words(made)["decode_tps"] == "inconclusive"


def test_a_machine_that_slows_down_steadily_hides_no_tie(folder: Path, suite: SuiteWriter) -> None:
    """Within each block the later launch is 5 % slower: paired as they are, blocks would swing."""
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    drifting = replace(FAIR, drift=0.6)
    made = report(folder, path, {"a": drifting, "b": drifting})
    assert set(words(made).values()) == {"tie"}
    assert {each.metric for each in made.run_drifts} == {"ttft_s", "prefill_tps", "decode_tps"}
    ttft = next(each for each in made.run_drifts if each.metric == "ttft_s")
    assert ttft.change == pytest.approx(1.55, abs=0.05)
    assert "drifted for all targets alike, to 1.5" in page.render(made)


def test_every_target_is_held_against_the_suites_baseline(folder: Path, suite: SuiteWriter) -> None:
    path = suite(
        {"a": "", "b": "", "c": ""},
        protocol=PROTOCOL,
        scenarios=f'{SCENARIO}[comparison]\nbaseline = "b"\n',
    )
    made = report(folder, path, {"a": FAIR, "b": SLOWER, "c": FAIR})
    assert made.baseline == "b"
    assert [(each.target, each.baseline) for each in made.comparisons] == [("a", "b"), ("c", "b")]


def test_a_baseline_that_was_not_measured_is_replaced_and_named(
    folder: Path, suite: SuiteWriter
) -> None:
    path = suite(
        {"a": "", "b": "", "c": ""},
        protocol=PROTOCOL,
        scenarios=f'{SCENARIO}[comparison]\nbaseline = "a"\n',
    )
    gone = Script(missing=(0, 1, 2, 3, 4, 5))
    made = report(folder, path, {"a": gone, "b": FAIR, "c": FAIR})
    assert (made.baseline, made.absent_baseline) == ("b", "a")
    assert "(a, which the suite names, was not measured)" in page.render(made)


def test_a_null_test_prints_its_band_and_that_nobody_won(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"one": "", "other": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    twins = {"one-a": FAIR, "one-b": FAIR}
    made = report(folder, path, twins, change=lambda suite: twinned(suite, "one"))
    assert made.null_test is not None
    assert made.null_test.winners == ()
    bands = {each.metric: each.found.band for each in made.null_test.bands}
    assert set(bands) == {"ttft_s", "prefill_tps", "decode_tps"}
    assert all(band and band.low < 1 < band.high for band in bands.values())
    text = page.render(made)
    assert "## Null test" in text
    assert "No winner was named." in text


def test_a_null_test_says_so_when_a_winner_is_named(folder: Path, suite: SuiteWriter) -> None:
    path = suite({"one": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    twins = {"one-a": FAIR, "one-b": SLOWER}
    made = report(folder, path, twins, change=lambda suite: twinned(suite, "one"))
    assert made.null_test is not None
    assert "decode_tps on chat" in made.null_test.winners
    assert "**A winner was named, wrongly:" in page.render(made)
