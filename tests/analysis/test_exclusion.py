"""Every rule that leaves a sample out, by its id."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.analysis.exclusion import Rule
from crossbench.analysis.sample import judged
from crossbench.journal.events import SampleTaken
from crossbench.worker.protocol import RequestFailure
from tests.analysis.test_definitions import STEADY, sample


def broken() -> SampleTaken:
    made = sample(STEADY)
    return replace(made, record=replace(made.record, counts=(1,)))


@pytest.mark.parametrize(
    ("taken", "rule"),
    [
        (sample(STEADY), None),
        (sample(STEADY, failure=RequestFailure(kind="request", message="x")), "request-failed"),
        (replace(sample(STEADY), strangers=1), "foreign-process"),
        (sample(STEADY, suspended_ms=2500), "suspended"),
        (sample([20, 10]), "clock"),
        (sample([0, 10]), "clock"),
        (broken(), "stamps"),
        (sample([]), "no-token"),
        (sample(STEADY, asked=30), "token-count"),
        (sample(STEADY, cached=1001), "cache-count"),
    ],
)
def test_a_sample_is_left_out_by_a_rule_with_a_name(taken: SampleTaken, rule: Rule | None) -> None:
    found = judged(1, taken, "b1")
    assert found.rule == rule
    assert (found.fault is None) is (rule is None)


def test_a_disturbance_is_told_before_what_came_of_it() -> None:
    taken = replace(sample(STEADY, asked=30, suspended_ms=900), strangers=2)
    assert judged(1, taken, "b1").rule == "foreign-process"
    assert judged(1, taken, "b1").fault == "2 other processes came onto its devices meanwhile"
