"""`crossbench plugins check`: a verdict for each rule, and exit codes.

Our own plugins are checked with it beside their other tests, in `test_conformance.py` of each.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crossbench.errors import InputError
from crossbench.plugins.check import Question, check
from crossbench.plugins.material import assignment, setting
from crossbench.plugins.verdict import Checked, RuleVerdict
from crossbench.registry import Registry
from crossbench.testing import BackendConformance
from tests.conftest import TINY, Crossbench
from tests.plugins.conftest import Site, planted

RULES = {
    name.removeprefix("test_").replace("_", "-")
    for name in dir(BackendConformance)
    if name.startswith("test_")
}


@pytest.fixture
def crossbench(crossbench_process: Crossbench) -> Crossbench:
    """In a process of its own, as it starts pytest."""
    return crossbench_process


@pytest.mark.parametrize(
    ("given", "value"),
    [("a=1", 1), ("a=1.5", 1.5), ("a=true", True), ('a="1"', "1"), ("a=float32", "float32")],
)
def test_values_are_read_as_toml_has_them(given: str, value: object) -> None:
    assert assignment("--option", given) == ("a", value)


@pytest.mark.parametrize("given", ["a", "=1", ""])
def test_what_is_no_pair_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="found no KEY=VALUE"):
        assignment("--option", given)


def test_settings_are_those_of_the_kit() -> None:
    assert setting("loads=2") == ("loads", 2)
    assert setting("separate_scoring=false") == ("separate_scoring", False)
    with pytest.raises(InputError, match=r"unknown \(did you mean 'loads'\?\)"):
        setting("load=2")
    with pytest.raises(InputError, match="Expected `int`"):
        setting("loads=many")


def test_a_plugin_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no plugin 'mlxx' is installed \(did you mean 'mlx'\?\)"):
        check(Registry(), "mlxx", Question(), lambda _: None)


@pytest.mark.usefixtures("store")
def test_a_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    question = Question(model=tmp_path / "none")
    with pytest.raises(InputError, match="none: nothing is there"):
        check(Registry(), "null", question, lambda _: None)


def test_a_lost_setup_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that the kit itself cannot make is broken, not passed."""
    told: list[RuleVerdict] = []
    monkeypatch.setenv("CROSSBENCH_TEST_NULL_PYTHON", "/nowhere/python")
    with pytest.raises(InputError, match="nowhere/python does not exist"):
        check(Registry(), "null", Question(model=TINY), told.append)


@pytest.mark.slow
def test_every_rule_gets_a_verdict_as_json(crossbench: Crossbench, store: Path) -> None:
    done = crossbench("plugins", "check", "null", "--json", "--option", "style=async")
    assert done.returncode == 0, done.stdout + done.stderr
    told = msgspec.json.decode(done.stdout, type=Checked)
    assert told.origin.plugin == "null"
    kit = {each.rule: each for each in told.verdicts if each.subject == "backend null"}
    assert set(kit) == RULES
    assert kit["token-counts-are-exact"].verdict == "holds"
    for each in told.verdicts:
        assert each.statement
        assert each.verdict == "holds" or each.found


@pytest.mark.slow
def test_exit_codes(crossbench: Crossbench, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSBENCH_TEST_LLAMACPP_PYTHON", raising=False)
    absent = crossbench("plugins", "check", "llamacpp", "--model", TINY)
    assert absent.returncode == 3
    assert "crossbench envs build llamacpp" in absent.stderr
    for wrong in (["nobody"], ["null", "--option", "a"], ["null", "--set", "a=1"]):
        assert crossbench("plugins", "check", *wrong).returncode == 2
    assert crossbench("--disable", "null", "plugins", "check", "null").returncode == 2


@pytest.mark.slow
def test_a_broken_rule_is_told_with_what_to_do(site: Site) -> None:
    forgetful = {"MODULE/engine.py": ("elif number == request.max_tokens:", "elif number == 0:")}
    site.install(planted(site.folder, "forgetful", forgetful))
    done = site.crossbench("plugins", "check", "forgetful")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "BROKEN backend forgetful: a-single-finish-ends-a-stream found:" in said
    assert "the stream ended without a finish" in said
    assert "rule: The last chunk of a stream, and no other, carries the finish;" in said
    assert "do: yield Chunks, and give the last one of each stream its Finish" in said
