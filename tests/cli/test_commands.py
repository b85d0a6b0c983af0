from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from crossbench import __version__
from tests.conftest import ROOT, Crossbench, SuiteWriter

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store")]


def test_help_lists_every_command(crossbench: Crossbench) -> None:
    done = crossbench("--help")
    assert done.returncode == 0
    for command in ("run", "plan", "report", "doctor", "plugins", "envs", "suite"):
        assert f"  {command}" in done.stdout
        assert crossbench(command, "--help").returncode == 0


def test_the_version_is_the_packages(crossbench_process: Crossbench) -> None:
    assert __version__ in crossbench_process("--version").stdout


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
def test_bad_input_is_one_message_and_exit_2(
    crossbench: Crossbench, arguments: tuple[str, ...]
) -> None:
    done = crossbench(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(crossbench_process: Crossbench) -> None:
    assert "Traceback" in crossbench_process("--debug", "run", "absent.toml").stderr
    assert "Traceback" not in crossbench_process("run", "absent.toml").stderr


@pytest.mark.parametrize("option", ["--variant", "--python"])
def test_a_pair_that_is_none_is_named(
    crossbench: Crossbench, suite: SuiteWriter, option: str
) -> None:
    done = crossbench("plan", suite(), option, "null")
    assert done.returncode == 2
    assert f"{option} null: found no BACKEND=VALUE" in done.stderr


def test_all_problems_of_a_suite_are_told(crossbench: Crossbench, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        'schema = 1\nname = "a b"\nmodle = 3\n[targets]\n[[scenarios]]\nname = "s"\n'
    )
    done = crossbench("suite", "check", "bad.toml")
    assert done.returncode == 2
    for part in ("bad.toml:2: name:", 'bad.toml:3: modle: unknown key; did you mean "model"?'):
        assert part in done.stderr


def test_check_expand_and_schema(crossbench: Crossbench, suite: SuiteWriter) -> None:
    path = suite({"a": "", "b": ""})
    assert "is right: 2 targets, 1 scenario" in crossbench("suite", "check", path).stdout
    expanded = json.loads(crossbench("suite", "expand", path).stdout)
    assert [target["name"] for target in expanded["targets"]] == ["a", "b"]
    jsonschema.Draft202012Validator.check_schema(json.loads(crossbench("suite", "schema").stdout))


def test_the_schema_beside_the_suites_is_the_one_printed(crossbench: Crossbench) -> None:
    kept = (ROOT / "suites" / "suite.schema.json").read_text()
    assert kept == crossbench("suite", "schema").stdout


def test_plan_as_json(crossbench: Crossbench, suite: SuiteWriter) -> None:
    plan = json.loads(crossbench("plan", suite(), "--json").stdout)
    assert plan["launches"][0]["id"] == "b1-one"


def test_plugins_are_listed_with_their_distribution(crossbench: Crossbench) -> None:
    done = crossbench("plugins", "list")
    assert done.returncode == 0
    assert "null (crossbench" in done.stdout
    assert "llamacpp (crossbench-llamacpp" in done.stdout


def test_doctor_tells_what_to_do(crossbench: Crossbench) -> None:
    done = crossbench("doctor")
    assert done.returncode == 0, done.stderr
    assert "null: ready" in done.stdout
    assert "crossbench envs build llamacpp" in done.stdout
    assert json.loads(crossbench("doctor", "--json").stdout)["backends"]


@pytest.mark.parametrize("command", ["doctor", "plan"])
def test_looking_changes_nothing(
    crossbench: Crossbench, suite: SuiteWriter, store: Path, command: str
) -> None:
    arguments = (suite(),) if command == "plan" else ()
    assert crossbench(command, *arguments).returncode == 0
    assert not store.exists()


def test_an_empty_store_is_listed_as_such(crossbench: Crossbench, store: Path) -> None:
    assert crossbench("envs", "list").stdout.strip() == f"in {store}"
