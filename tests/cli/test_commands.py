from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import crossbench
from tests.conftest import ROOT, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store")]
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "crossbench", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_help_lists_every_command(call: Call) -> None:
    done = call("--help")
    assert done.returncode == 0
    for command in ("run", "plan", "report", "doctor", "plugins", "envs", "suite"):
        assert f"  {command}" in done.stdout
        assert call(command, "--help").returncode == 0


def test_the_version_is_the_packages(call: Call) -> None:
    assert crossbench.__version__ in call("--version").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run",),
        ("run", "absent.toml"),
        ("run", "."),
        ("plan", "absent.toml", "--profile", "slow"),
        ("report", "absent"),
        ("report", ".", "--format", "pdf"),
        ("envs", "build", "nothing"),
        ("envs", "remove", "../../etc"),
        ("suite", "check", "absent.toml"),
    ],
)
def test_bad_input_is_one_message_and_exit_2(call: Call, arguments: tuple[str, ...]) -> None:
    done = call(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(call: Call) -> None:
    assert "Traceback" in call("--debug", "run", "absent.toml").stderr


@pytest.mark.parametrize("option", ["--variant", "--python"])
def test_a_pair_that_is_none_is_named(call: Call, suite: SuiteWriter, option: str) -> None:
    done = call("plan", suite(), option, "null")
    assert done.returncode == 2
    assert f"{option} null: found no BACKEND=VALUE" in done.stderr


def test_all_problems_of_a_suite_are_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        'schema = 1\nname = "a b"\nmodle = 3\n[targets]\n[[scenarios]]\nname = "s"\n'
    )
    done = call("suite", "check", "bad.toml")
    assert done.returncode == 2
    for part in ("bad.toml:2: name:", 'bad.toml:3: modle: unknown key; did you mean "model"?'):
        assert part in done.stderr


def test_check_expand_and_schema(call: Call, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""})
    assert "is right: 2 targets, 1 scenario" in call("suite", "check", path).stdout
    expanded = json.loads(call("suite", "expand", path).stdout)
    assert [target["name"] for target in expanded["targets"]] == ["a", "b"]
    jsonschema.Draft202012Validator.check_schema(json.loads(call("suite", "schema").stdout))


def test_the_schema_beside_the_suites_is_the_one_printed(call: Call) -> None:
    kept = (ROOT / "suites" / "suite.schema.json").read_text()
    assert kept == call("suite", "schema").stdout


def test_plan_as_json(call: Call, suite: SuiteWriter) -> None:
    plan = json.loads(call("plan", suite(), "--json").stdout)
    assert plan["launches"][0]["id"] == "b1-one"


def test_plugins_are_listed_with_their_distribution(call: Call) -> None:
    done = call("plugins", "list")
    assert done.returncode == 0
    assert "null (crossbench" in done.stdout
    assert "llamacpp (crossbench-llamacpp" in done.stdout


def test_doctor_tells_what_to_do(call: Call) -> None:
    done = call("doctor")
    assert done.returncode == 0, done.stderr
    assert "null: ready" in done.stdout
    assert "crossbench envs build llamacpp" in done.stdout
    assert json.loads(call("doctor", "--json").stdout)["backends"]


@pytest.mark.parametrize("command", ["doctor", "plan"])
def test_looking_changes_nothing(call: Call, suite: SuiteWriter, store: Path, command: str) -> None:
    arguments = (suite(),) if command == "plan" else ()
    assert call(command, *arguments).returncode == 0
    assert not store.exists()


def test_an_empty_store_is_listed_as_such(call: Call, store: Path) -> None:
    assert call("envs", "list").stdout.strip() == f"in {store}"
