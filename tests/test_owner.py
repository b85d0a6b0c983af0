"""The machine file, and what of a suite is used only by those who trust it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crossbench import owner
from crossbench.errors import SuiteError
from crossbench.owner import Owned
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from crossbench.suite.load import load
from crossbench.suite.model import Target
from tests.called import call_crossbench
from tests.conftest import SuiteWriter
from tests.plan.test_build import plan

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "machine.toml"
    monkeypatch.setenv("CROSSBENCH_MACHINE", str(path))
    return path


def target(suite: SuiteWriter, keys: str) -> Target:
    path = suite({"one": ""})
    path.write_text(path.read_text().replace("options = {  }", keys))
    (found,) = load(path).targets
    return found


def test_without_a_file_nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CROSSBENCH_MACHINE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert owner.load() == {}


def test_the_example_that_the_doctor_prints_is_right(machine: Path) -> None:
    machine.write_text(owner.EXAMPLE)
    assert owner.load()["vllm"].requires == ["vllm==0.32.0"]
    assert owner.load()["llamacpp"].variant == "cuda"


def test_a_wrong_file_is_told_with_its_lines(machine: Path) -> None:
    machine.write_text('schema = 1\n[backends.a]\npyton = "x"\nrequires = 3\n')
    with pytest.raises(SuiteError) as caught:
        owner.load()
    assert [problem.line for problem in caught.value.problems] == [3, 4]
    machine.write_text('schema = 1\n[backends.a]\nrequires = ["a=1"]\n')
    with pytest.raises(SuiteError, match=r"3: backends\.a\.requires\[0\]: .*no requirement"):
        owner.load()


def test_a_file_that_is_named_must_be_there(machine: Path) -> None:
    with pytest.raises(SuiteError, match="found no such file"):
        owner.load()


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ('requires = ["numpy>=2"]', r"packages \(numpy>=2\)"),
        ('python = "/usr/bin/python3"', r"an interpreter \(/usr/bin/python3\)"),
        ("build.numpy = { a = 'b' }", r"build settings \(of numpy\)"),
    ],
)
def test_what_can_run_code_is_used_only_with_trust(
    suite: SuiteWriter, keys: str, named: str
) -> None:
    path = suite({"one": "", "two": ""})
    path.write_text(path.read_text().replace("options = {  }", keys, 1))
    made: Plan = plan(path)
    (left_out,) = made.exclusions
    assert (left_out.target, left_out.word) == ("one", "skipped")
    assert re.search(named, left_out.reason)
    assert "--trust" in left_out.reason
    assert [planned.target for planned in made.targets] == ["two"]


def test_a_trusted_suite_beats_the_owner_and_the_command_line_beats_both(
    suite: SuiteWriter,
) -> None:
    asked = target(suite, 'python = "/suite"\nrequires = ["a==1"]\nbuild.a = { x = "1" }')
    owned = {"null": Owned(python="/owner", requires=["A==2", "b==3"], build={"b": {"y": "2"}})}
    wary, trusting = Selection(owned=owned), Selection(owned=owned, trust=True)
    assert wary.python(asked) == Path("/owner")
    assert wary.requires(asked) == ("A==2", "b==3")
    assert wary.build(asked) == {"b": {"y": "2"}}
    assert trusting.python(asked) == Path("/suite")
    assert trusting.requires(asked) == ("b==3", "a==1")
    assert trusting.build(asked) == {"a": {"x": "1"}, "b": {"y": "2"}}
    chosen = Selection(owned=owned, trust=True, pythons={"null": "/line"})
    assert chosen.python(asked) == Path("/line")


def test_the_doctor_tells_where_the_file_is(machine: Path, tmp_path: Path) -> None:
    told = call_crossbench(tmp_path, "doctor").stdout
    assert f"machine file (none yet): {machine}" in told
    machine.write_text('schema = 1\n[backends.null]\nvariant = "host"\n')
    assert f"machine file: {machine}, sets null" in call_crossbench(tmp_path, "doctor").stdout
