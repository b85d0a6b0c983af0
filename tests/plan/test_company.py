"""Cells that need a place, a command or a target that is not there are named, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.cli.planned import text
from crossbench.plan.company import without_background
from crossbench.plan.model import Plan
from tests.conftest import SuiteWriter
from tests.plan.test_build import amend, plan

pytestmark = pytest.mark.usefixtures("store")
BESIDE = """
[[scenarios]]
name = "job"
prompt_tokens = 16
output_tokens = 24
[[scenarios]]
name = "chat"
prompt_tokens = 16
output_tokens = 24
background = { %s }
"""
LOADED = """
[[scenarios]]
name = "chat"
prompt_tokens = 16
output_tokens = 24
concurrency = [1, 2, 3]
"""
BACK = 'target = "back", scenario = "job"'
TARGETS = {"front": "", "back": ""}


def reasons(found: Plan, target: str = "front") -> dict[str | None, tuple[str, str]]:
    return {
        each.scenario: (each.word, each.reason)
        for each in found.exclusions
        if each.target == target
    }


def scenarios(found: Plan, target: str = "front") -> set[str]:
    return {
        name for launch in found.launches if launch.target == target for name in launch.scenarios
    }


def test_a_scenario_with_a_background_is_measured_twice(suite: SuiteWriter) -> None:
    found = plan(suite(TARGETS, scenarios=BESIDE % BACK))
    assert scenarios(found) == {"job", "chat-quiet", "chat-disturbed"}
    assert found.scenario("chat-disturbed").quiet == "chat-quiet"
    assert found.scenario("chat-quiet").background is None


def test_a_command_needs_trust(suite: SuiteWriter) -> None:
    path = suite(TARGETS, scenarios=BESIDE % 'command = ["make", "-j"]')
    word, reason = reasons(plan(path))["chat-disturbed"]
    assert word == "skipped"
    assert reason == "its background is a command (make -j), which is used only with --trust"
    assert scenarios(plan(path)) == {"job", "chat-quiet"}
    assert "chat-disturbed" in scenarios(plan(path, trust=True))


def test_a_background_that_does_not_run_here_costs_the_disturbed_cell(suite: SuiteWriter) -> None:
    path = amend(
        suite(TARGETS, scenarios=BESIDE % BACK),
        "[targets.back]\n => [targets.back]\nneeds = { cuda = 9 }\n",
    )
    assert reasons(plan(path)) == {
        "chat-disturbed": ("unavailable", "its background back is itself left out")
    }


def test_a_background_without_a_processor_left_is_named(suite: SuiteWriter) -> None:
    path = amend(
        suite(TARGETS, scenarios=BESIDE % BACK),
        "[targets.front]\n => [targets.front]\nneeds = { cpus = 2 }\n",
    )
    word, reason = reasons(plan(path))["chat-disturbed"]
    assert word == "unavailable"
    assert "no place for its background beside it" in reason
    assert scenarios(plan(path)) == {"job", "chat-quiet"}


@pytest.mark.parametrize(
    ("replicas", "needs", "told"),
    [
        (3, "", "no place for 3 replicas: 3 processes need a processor each and 2 are there"),
        (2, "cuda = 1", "no place for 2 replicas: 2 CUDA devices are needed and 1 are left"),
        (1, "cpus = 3", "no place for it: 3 processors are needed and 2 are there"),
    ],
)
def test_replicas_without_a_place_each_are_unavailable(
    suite: SuiteWriter, replicas: int, needs: str, told: str
) -> None:
    path = amend(
        suite({"front": ""}, scenarios=LOADED),
        f"options = => replicas = {replicas}\nneeds = {{ {needs} }}\noptions =",
    )
    assert reasons(plan(path))[None] == ("unavailable", told)


def test_users_too_few_for_the_replicas_are_unsupported(suite: SuiteWriter) -> None:
    path = amend(suite({"front": ""}, scenarios=LOADED), "options = => replicas = 2\noptions =")
    found = plan(path)
    assert scenarios(found) == {"chat-c2", "chat-c3"}
    word, reason = reasons(found)["chat-c1"]
    assert word == "unsupported"
    assert reason.startswith("1 request at a time cannot keep 2 replicas busy")
    assert found.streams("front") == 2  # 3 users over 2 replicas


def test_a_background_that_is_lost_later_takes_its_cells_with_it(suite: SuiteWriter) -> None:
    found = plan(suite(TARGETS, scenarios=BESIDE % BACK, protocol="launches = 2\nburn_in = 1"))
    left = without_background(found.without("back", "unavailable", "no compiler"), "back")
    assert scenarios(left) == {"job", "chat-quiet"}
    assert all("chat-disturbed" not in launch.scenarios for launch in left.burn_in)
    assert reasons(left) == {
        "chat-disturbed": ("unavailable", "its background back is itself left out")
    }


def test_a_plan_tells_of_both(suite: SuiteWriter) -> None:
    path = amend(
        suite(TARGETS, scenarios=BESIDE % BACK + LOADED.replace("chat", "crowd")),
        "[targets.front]\n => [targets.front]\nreplicas = 2\nneeds = { cpus = 1 }\n",
    )
    told = text(plan(path))
    assert "front: 2 replicas, each on 1 processor of its own" in told
    assert "chat-disturbed: in turn with chat-quiet, beside back on job" in told
    assert "replicas" not in text(plan(suite(TARGETS, name="plain")))


def test_backends_without_batch_serve_a_user_each(suite: SuiteWriter) -> None:
    from crossbench.plan.support import unsupported
    from crossbench.registry import Registry

    spec = replace(Registry().backend("null").spec, capabilities=frozenset())
    path: Path = suite({"front": ""}, scenarios=LOADED)
    every = plan(path).suite.scenarios
    assert [each.scenario for each in unsupported("front", spec, every, 2)] == ["chat-c3"]
