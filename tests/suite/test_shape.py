"""Load shapes as a suite writes them, and what they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.suite.load import load
from crossbench.suite.model import Load, Scenario
from crossbench.suite.shape import STEADY, least_requests
from crossbench.suite.tables.scenario import Slo

GOOD = Path(__file__).parent / "good"


def scenarios() -> dict[str, Scenario]:
    return {scenario.name: scenario for scenario in load(GOOD / "load.toml").scenarios}


def loads() -> dict[str, Load]:
    return {name: each.load for name, each in scenarios().items() if each.load is not None}


def test_levels_are_scenarios_that_ascend_and_share_a_name() -> None:
    assert [(name, level.of, level.level) for name, level in loads().items()] == [
        ("users-64-c1", "users-64", 1),
        ("users-64-c8", "users-64", 8),
        ("users-128-c1", "users-128", 1),
        ("users-128-c8", "users-128", 8),
        ("arriving-r0.5", "arriving", 0.5),
        ("arriving-r10.0", "arriving", 10),
        ("one", "one", 4),
    ]
    assert scenarios()["users-64-c8"].base == "users"
    assert scenarios()["alone"].load is None


def test_a_level_has_requests_enough_and_each_prompt_as_often() -> None:
    found = {name: level.requests for name, level in loads().items()}
    assert (found["users-64-c1"], found["users-64-c8"]) == (4, 32)
    assert found["one"] == 18
    assert found["arriving-r0.5"] == 66  # 64 at least
    assert found["arriving-r10.0"] == 300  # 30 s of them
    for level in loads().values():
        if level.concurrency is not None:
            assert level.requests >= least_requests(level.concurrency)


def test_so_many_requests_leave_enough_in_the_window() -> None:
    """Of n requests of c users, n - c + 1 end while all are busy."""
    for users in (1, 2, 7, 256):
        assert least_requests(users) - users + 1 == STEADY * users


def test_a_rate_makes_room_and_users_are_the_room_they_take() -> None:
    found = loads()
    assert (found["arriving-r10.0"].room, found["arriving-r10.0"].streams) == (32, 32)
    assert (found["users-64-c8"].room, found["users-64-c8"].streams) == (None, 8)
    assert (scenarios()["alone"].streams, scenarios()["alone"].requests) == (1, 1)
    assert scenarios()["one"].requests == 18


def test_levels_are_told_in_words() -> None:
    found = loads()
    words = [found[name].words for name in ("users-64-c1", "one", "arriving-r0.5")]
    assert words == ["1 user", "4 users", "0.5 requests/s"]
    assert found["arriving-r0.5"].slo == Slo(tpot_s=0.1)
    assert found["arriving-r0.5"].arrivals == "poisson"


@pytest.mark.parametrize(("room", "requests", "made"), [(64, 100, 64), (64, 16, 16), (None, 8, 8)])
def test_no_room_is_made_for_more_than_there_are(
    room: int | None, requests: int, made: int, tmp_path: Path
) -> None:
    text = (GOOD / "load.toml").read_text().partition("[[scenarios]]")[0]
    written = f"room = {room}\n" if room else ""
    path = tmp_path / "suite.toml"
    path.write_text(
        f'{text}[[scenarios]]\nname = "s"\nprompt_tokens = 64\noutput_tokens = 16\nrate = 5\n'
        f"requests = {requests}\n{written}"
    )
    (scenario,) = load(path).scenarios
    assert scenario.load is not None
    assert scenario.load.room == made
