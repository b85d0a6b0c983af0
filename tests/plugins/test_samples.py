"""A third party's probe, format and lint rules, installed as packages and used by a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.conftest import TINY
from tests.plugins.conftest import SAMPLES, Site

pytestmark = pytest.mark.slow

SUITE = f"""schema = 1
name = "sampled"
[model]
name = "tiny"
tokenizer = "{TINY}"
[targets.a]
backend = "null"
artifact = "{TINY / "config.json"}"
[targets.b]
backend = "null"
artifact = "{TINY / "config.json"}"
options = {{ fault = "raise" }}
[protocol]
profile = "quick"
[[scenarios]]
name = "short"
prompt_tokens = 16
output_tokens = 24
"""
BROKEN = {
    "it-renders": ("return bytes", "raise ValueError('no words')\n    return bytes"),
    "it-is-pure": ('+ b"\\n"', "+ str(id(report)).encode() + __import__('os').urandom(4)"),
}


@pytest.fixture(scope="module")
def sampled(shared_site: Site) -> Site:
    """All three, and a run that they took part in."""
    shared_site.install(*(SAMPLES / name for name in ("loadavg", "junit", "house_rules")))
    (shared_site.folder / "sampled.toml").write_text(SUITE)
    done = shared_site.crossbench("run", "sampled.toml", "--out", "run")
    assert done.returncode == 1, done.stdout + done.stderr
    return shared_site


def test_the_probe_is_read_while_a_run_runs(sampled: Site) -> None:
    lines = (sampled.folder / "run" / "telemetry.jsonl").read_text().splitlines()
    opened = next(told for line in lines if (told := json.loads(line))["type"] == "opened")
    probe = next(each for each in opened["probes"] if each["name"] == "loadavg")
    assert [channel["quantity"] for channel in probe["channels"]] == ["load_average"]


def test_the_lint_rule_stands_in_plan_and_report(sampled: Site) -> None:
    assert "[house-short-output]" in sampled.crossbench("plan", "sampled.toml").stdout
    ignoring = sampled.crossbench("plan", "sampled.toml", "--ignore", "house-short-output")
    assert "house-short-output" not in ignoring.stdout
    report = json.loads((sampled.folder / "run" / "report.json").read_text())
    assert "house-short-output" in [finding["rule"] for finding in report["findings"]]


def test_the_format_is_written_beside_ours(sampled: Site) -> None:
    done = sampled.crossbench("report", "run", "--format", "csv,junit")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["run/report.csv", "run/report.junit.xml"]
    suite = Xml.parse(sampled.folder / "run" / "report.junit.xml").getroot()
    cases = {case.get("name"): case for case in suite}
    assert float(cases["a"].get("time", "0")) > 0
    assert cases["b"].find("error") is not None


def test_an_unknown_format_names_those_of_plugins(sampled: Site) -> None:
    done = sampled.crossbench("report", "run", "--format", "junits")
    assert done.returncode == 2
    assert "--format junits: unknown (did you mean 'junit'?); allowed: md," in done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "holds"),
    [
        ("loadavg", [], {"it-is-admitted", "it-opens", "it-reads-numbers", "it-ends"}),
        ("junit", ["--run", "run"], {"it-is-admitted", "it-renders", "it-is-pure"}),
        (
            "house-rules",
            ["--suite", "sampled.toml"],
            {"it-is-admitted", "they-answer", "they-are-steady"},
        ),
    ],
)
def test_each_keeps_its_rules(
    sampled: Site, name: str, arguments: list[str], holds: set[str]
) -> None:
    done = sampled.crossbench("plugins", "check", name, "--json", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)["verdicts"]
    assert {each["rule"] for each in told if each["verdict"] == "holds"} == holds


@pytest.mark.parametrize("name", ["junit", "house-rules"])
def test_what_it_would_be_tried_on_is_asked_for(sampled: Site, name: str) -> None:
    done = sampled.crossbench("plugins", "check", name)
    assert done.returncode == 0
    assert "--run RUN" in done.stdout or "--suite SUITE" in done.stdout


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_format_costs_its_own_file(sampled: Site, tmp_path: Path, rule: str) -> None:
    copy = tmp_path / "junit"
    shutil.copytree(SAMPLES / "junit", copy)
    file = copy / "src" / "crossbench_junit" / "xml.py"
    old, new = BROKEN[rule]
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))
    other = Site(tmp_path)
    other.install(copy)
    run = tmp_path / "run"
    shutil.copytree(sampled.folder / "run", run)
    done = other.crossbench("plugins", "check", "junit", "--run", run, "--json")
    told = {each["rule"]: each["verdict"] for each in json.loads(done.stdout)["verdicts"]}
    assert done.returncode == 1
    assert told[rule] == "broken"
    if rule == "it-renders":
        (run / "report.csv").unlink()
        done = other.crossbench("report", run, "--format", "junit,csv")
        assert done.returncode == 1
        assert "format junit of plugin junit (crossbench-junit 1.0.0) broke: " in done.stderr
        assert "ValueError: no words" in done.stderr
        assert (run / "report.csv").exists()
