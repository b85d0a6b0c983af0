"""Settings side by side, in words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.report.settings import settings
from tests.comparison.scripted import Script, settled
from tests.report.material import made


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "on"),
        (None, "not told"),
        (2048, "2,048"),
        (["RPC", "CPU"], "RPC, CPU"),
        ([], "none"),
        ({"cpu": 5}, "cpu 5"),
        (
            [{"tensor": 0, "cpus": [0, 1]}, {"tensor": 1, "cpus": []}],
            "tensor 0, cpus 0, 1; tensor 1, cpus none",
        ),
    ],
)
def test_values_of_every_kind_are_words(value: Any, told: str) -> None:
    report = made({"one": Script(loaded=settled(kind=value))}, {"short": 16}, launches=1)
    (found,) = [each for each in settings(report) if each.name == "resolved kind"]
    assert found.values == (told,)


def test_what_only_one_engine_knows_is_no_difference() -> None:
    targets = {"one": Script(loaded=settled(depth=1)), "two": Script(loaded=settled(depth=2))}
    found = {each.name: each for each in settings(made(targets, {"short": 16}, launches=1))}
    assert found["resolved depth"].values == ("1", "2")
    assert found["resolved depth"].differs
    assert not found["KV dtype"].differs


def test_what_the_suite_asked_of_one_engine_alone_is_a_difference() -> None:
    report = made({"one": Script(), "two": Script()}, {"short": 16}, launches=1)
    one, two = report.targets
    one = replace(one, backend="slowed", options={"eager": True})
    found = {each.name: each for each in settings(replace(report, targets=(one, two)))}
    assert found["option eager"].values == ("on", "")
    assert found["option eager"].differs
