"""`crossbench compare` and `crossbench run --null-test`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.comparison import scripted
from tests.comparison.scripted import Script
from tests.comparison.test_unfair_pairs import PROTOCOL, SCENARIO
from tests.conftest import Crossbench, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store")]
SLOWER = Script(ttft_s=0.11, tpot_s=0.011)


@pytest.fixture
def folder(tmp_path: Path, suite: SuiteWriter) -> Path:
    """A run of "a", and of "b", which is 10 % slower."""
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    return scripted.write(tmp_path / "run", path, {"a": Script(), "b": SLOWER})


def test_two_targets_of_a_run(crossbench: Crossbench, folder: Path) -> None:
    done = crossbench("compare", "run#a", "run#b")
    assert done.returncode == 0, done.stderr
    assert "b against a" in done.stdout
    decode = next(line for line in done.stdout.splitlines() if "decode" in line)
    assert "0.909" in decode
    assert "slower" in decode


def test_json_is_the_whole_of_it_and_md_a_table(crossbench: Crossbench, folder: Path) -> None:
    told = json.loads(crossbench("compare", "run#a", "run#b", "--format", "json").stdout)
    (comparison,) = told["comparisons"]
    assert comparison["metrics"][0]["verdict"] == "slower"
    assert {each["name"] for each in comparison["held"]} >= {"prompt ids", "threads"}
    text = crossbench("compare", "run", "--format", "md").stdout
    assert "| scenario | target |" in text
    assert "**slower**" in text


def test_the_gate_exits_4_and_says_what_tripped(crossbench: Crossbench, folder: Path) -> None:
    done = crossbench("compare", "run#a", "run#b", "--fail-on", "slower>5%")
    assert done.returncode == 4
    assert "slower>5%: decode of b on chat: 0.909" in done.stderr
    assert crossbench("compare", "run#b", "run#a", "--fail-on", "slower>5%").returncode == 0
    assert crossbench("compare", "run#a", "run#b", "--fail-on", "slower>20%").returncode == 0


def test_a_baseline_is_saved_and_compared_with(
    crossbench: Crossbench, folder: Path, suite: SuiteWriter
) -> None:
    kept = crossbench("compare", "run", "--save-baseline", "main.json")
    assert kept.returncode == 0, kept.stderr
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO)
    scripts = {"a": SLOWER, "b": SLOWER}
    scripted.write(folder.parent / "new", path, scripts, started="2026-02-01T00:00:00Z")
    done = crossbench("compare", "main.json", "new", "--fail-on", "slower>5%")
    assert done.returncode == 4
    assert "decode of new#a on chat" in done.stderr
    assert "new#b" not in done.stderr
    assert "two runs" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run#a", "run#b", "--fail-on", "worse>5%"), "expected slower>N% or faster>N%"),
        (("run#a", "run#b", "--strict"), "--strict says how to judge --fail-on"),
        (("run#a",), "is one target; name another"),
        (("run#a", "run#c"), "has no target 'c'"),
        (("run", "--baseline", "c"), "--baseline c: the run has no such target measured"),
        (("run", "run", "--baseline", "a"), "are of one run: give A alone"),
        (("nothing",), "found neither a run's folder nor a saved report"),
        (("run#a", "--save-baseline", "x.json"), "keeps a whole run"),
        (("run", "--save-baseline", "no/such/folder.json"), "cannot write"),
    ],
)
def test_bad_input_is_one_message_and_exit_2(
    crossbench: Crossbench, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = crossbench("compare", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# Runs of the null engine, in real processes and real time


REAL = "launches = 6\nrepeats = 3\nwarmups = 1\nburn_in = 0\nsentinel = false"
SHORT = '[[scenarios]]\nname = "short"\nprompt_tokens = 16\noutput_tokens = 24\n'


def test_a_ten_percent_slower_engine_is_named_and_its_twin_is_not(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    targets = {
        "a": "ttft_s = 0.04, tpot_s = 0.004",
        "slower": "ttft_s = 0.044, tpot_s = 0.0044",
        "same": "ttft_s = 0.04, tpot_s = 0.004",
    }
    path = suite(targets, protocol=REAL, scenarios=f'{SHORT}[comparison]\naxis = ["options"]\n')
    done = crossbench("run", path, "--out", "run")
    assert done.returncode == 0, done.stderr
    told = json.loads(crossbench("compare", "run", "--format", "json").stdout)
    words = {
        (comparison["target"], each["metric"]): each["verdict"]
        for comparison in told["comparisons"]
        for each in comparison["metrics"]
    }
    assert words["slower", "decode_tps"] == "slower"
    assert words["slower", "ttft_s"] == "slower"
    assert words["same", "decode_tps"] == "tie"
    assert words["same", "ttft_s"] == "tie"


def test_a_null_test_measures_one_target_twice(crossbench: Crossbench, suite: SuiteWriter) -> None:
    path = suite({"a": "ttft_s = 0.03", "b": ""}, protocol=REAL)
    done = crossbench("run", path, "--null-test", "--target", "a", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Null test of a" in done.stdout
    assert "| short    | TTFT   |" in done.stdout
    assert "No winner was named." in done.stdout
    resumed = crossbench("run", "--resume", "run")
    assert resumed.returncode == 0, resumed.stderr


def test_a_null_test_of_several_targets_asks_which(
    crossbench: Crossbench, suite: SuiteWriter
) -> None:
    done = crossbench("run", suite({"a": "", "b": ""}), "--null-test")
    assert done.returncode == 2
    assert "name one of a, b: --null-test --target a" in done.stderr
