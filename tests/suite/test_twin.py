from __future__ import annotations

from msgspec.structs import replace

from crossbench.suite.load import load
from crossbench.suite.twin import twinned
from tests.conftest import ROOT

QUICKSTART = load(ROOT / "suites" / "quickstart.toml")


def test_the_twins_are_one_target_under_two_names_and_nothing_else() -> None:
    made = twinned(QUICKSTART, "vllm")
    one, other = made.targets
    assert (one.name, other.name) == ("vllm-a", "vllm-b")
    assert replace(one, name="") == replace(other, name="")
    assert {one.base, other.base} == {"vllm"}
    assert made.null_test == "vllm"
    assert made.comparison.baseline == "vllm-a"


def test_their_text_is_not_scored_and_their_scenarios_are_the_suites() -> None:
    made = twinned(QUICKSTART, "mlx")
    assert QUICKSTART.quality is not None
    assert made.quality is None
    assert made.scenarios == QUICKSTART.scenarios
    assert made.protocol == QUICKSTART.protocol
