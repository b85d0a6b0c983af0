"""Six broken plugins, installed as packages: each is named, and costs nobody else anything."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, marked
from tests.plugins.conftest import Site, planted
from tests.plugins.defects import DEFECTS, SECRET, VARIABLE

pytestmark = pytest.mark.slow

HEAD = f"""schema = 1
name = "broken"
[model]
name = "tiny"
tokenizer = "{TINY}"
[protocol]
launches = 1
repeats = 1
warmups = 0
burn_in = 0
sentinel = false
deadlines = {{ first_token_s = 3.0 }}
[[scenarios]]
name = "short"
prompt_tokens = 16
output_tokens = 24
"""


def target(name: str, options: str = "") -> str:
    place = TINY / "config.json"
    return (
        f'[targets.{name}]\nbackend = "{name}"\nartifact = "{place}"\noptions = {{ {options} }}\n'
    )


@pytest.fixture(scope="module")
def broken(shared_site: Site) -> Site:
    """All six beside each other."""
    shared_site.install(
        *(planted(shared_site.folder, name, defect.edits) for name, defect in DEFECTS.items())
    )
    return shared_site


@pytest.fixture(scope="module")
def run(broken: Site) -> subprocess.CompletedProcess[str]:
    """One run of all of them and one that works."""
    suite = broken.folder / "broken.toml"
    suite.write_text(HEAD + "".join(map(target, ["null", *DEFECTS])))
    arguments = ["run", suite, "--out", "run", "--no-probes"]
    return broken.crossbench(
        *arguments, **{VARIABLE: SECRET, "CROSSBENCH_TEST_MARK": "six-broken-plugins"}
    )


@pytest.fixture(scope="module")
def report(broken: Site, run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the run made."""
    told: dict[str, Any] = json.loads((broken.folder / "run" / "report.json").read_text())
    return told


def test_the_run_ends_as_one_with_failed_cells(run: subprocess.CompletedProcess[str]) -> None:
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_who_works_is_measured(report: dict[str, Any]) -> None:
    (scenario,) = report["scenarios"]
    cells = {cell["target"]: cell["valid_samples"] for cell in scenario["cells"]}
    assert cells["null"] == 1
    assert cells["leaky"] == 1


@pytest.mark.parametrize(
    ("name", "word", "kind"),
    [
        ("later", "unavailable", None),
        ("factoryless", "unavailable", None),
        ("misfit", "unavailable", None),
        ("late", "failed", "timeout"),
    ],
)
def test_who_does_not_is_named(
    report: dict[str, Any], name: str, word: str, kind: str | None
) -> None:
    found = [each for each in report["non_results"] if each["target"] == name]
    assert [(each["word"], each["kind"]) for each in found] == [(word, kind)]
    assert DEFECTS[name].names in found[0]["reason"]


def test_a_process_left_behind_is_ended_and_named(broken: Site, report: dict[str, Any]) -> None:
    assert DEFECTS["leaky"].names in (broken.folder / "run" / "report.md").read_text()
    if Path("/proc/self/environ").exists():
        assert not marked("six-broken-plugins")


def test_secrets_reach_no_file(broken: Site, report: dict[str, Any]) -> None:
    files = [file for file in (broken.folder / "run").rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
    log = next(file for file in files if file.match("logs/*gossip*"))
    assert f"'{VARIABLE}': '{'*' * len(SECRET)}'" in log.read_text()
    assert DEFECTS["gossip"].names in (broken.folder / "run" / "journal.jsonl").read_text()


def test_what_the_plugin_refuses_of_a_suite_is_the_suites_error(broken: Site) -> None:
    suite = broken.folder / "misspelt.toml"
    suite.write_text(HEAD + target("null") + target("leaky", "token_z = 0.1"))
    done = broken.crossbench("run", suite)
    line = suite.read_text().splitlines().index("options = { token_z = 0.1 }") + 1
    assert done.returncode == 2
    assert f"misspelt.toml:{line}: targets.leaky.options.token_z: unknown key" in done.stderr
    assert 'did you mean "token_s"?' in done.stderr


def test_the_list_names_what_is_left_out(broken: Site) -> None:
    done = broken.crossbench("plugins", "list")
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "plugin later (crossbench-later 0.1.0) is left out at stage 'contract':" in said
    assert "plugin factoryless (crossbench-factoryless 0.1.0) is left out" in said
    assert "it is built for contract v2; this crossbench speaks v1" in said
    told = json.loads(broken.crossbench("plugins", "list", "--json").stdout)
    states = {each["plugin"]: (each["state"], each["contract"]) for each in told["plugins"]}
    assert states["later"] == ("broken", "2")
    assert states["factoryless"] == ("broken", "1")
    assert states["leaky"] == ("ok", "1")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("later", "it-is-admitted"),
        ("factoryless", "it-is-admitted"),
        ("leaky", "no-process-is-left"),
        ("gossip", "token-counts-are-exact"),
    ],
)
def test_the_check_names_the_rule(broken: Site, name: str, rule: str) -> None:
    done = broken.crossbench("plugins", "check", name, "--json", **{VARIABLE: SECRET})
    assert done.returncode == 1, done.stdout + done.stderr
    told = {each["rule"]: each["verdict"] for each in json.loads(done.stdout)["verdicts"]}
    assert told[rule] == "broken"
    assert SECRET not in done.stdout
