"""How long a plan will take, from paces whose sums are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.cli.planned import text
from crossbench.plan.estimate import estimated
from crossbench.plan.modelled import modelled
from crossbench.plan.time import Span
from tests.conftest import TINY, SuiteWriter
from tests.plan.paces import both, pace, planned

pytestmark = pytest.mark.usefixtures("store")
QUALITY = (
    '[[scenarios]]\nname = "first"\nprompt_tokens = 16\noutput_tokens = 8\n'
    f'[quality]\ntext = "{TINY.parents[1] / "quality" / "tiny-held-out.txt"}"\n'
    "window = 64\nwindows = 9\n"
)


def test_launches_are_loads_and_passes_and_what_is_between(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 2\nrepeats = 3\nwarmups = 1\nburn_in = 0\nsentinel = false")
    span = estimated(made, both(0.5, load=10, rest=1)).span
    assert span.low == span.high == pytest.approx(4 * (10 + 1 + 3 * 4 * 0.5))


def test_burn_in_sentinel_and_rest_are_part_of_it(suite: SuiteWriter) -> None:
    made = planned(suite, "launches = 2\nrepeats = 3\nwarmups = 1\ncool_down_s = 7")
    burnt, counted = 10 + 3 * 4 * 0.5, 10 + (3 * 4 + 3) * 0.5 + 7
    span = estimated(made, both(0.5, load=10)).span
    assert span.low == pytest.approx(2 * burnt + 4 * counted)


def test_waiting_for_a_temperature_widens_it_only_where_one_can_be_read(
    suite: SuiteWriter,
) -> None:
    made = planned(suite, "launches = 2\nburn_in = 0\nstart_below_c = 40\ndeadlines.cool_s = 60")
    blind, seeing = (
        estimated(plan, both(0.5)).span for plan in (made, replace(made, celsius=70.0))
    )
    assert seeing.high - blind.high == pytest.approx(4 * 60)
    assert seeing.low == blind.low == blind.high


def test_scoring_is_part_of_it(suite: SuiteWriter) -> None:
    made = planned(suite, 'profile = "quick"', QUALITY)
    assert made.scoring is not None
    assert made.scoring.windows == 9
    without = estimated(replace(made, scoring=None), both(0.5, load=3)).span
    span = estimated(made, both(0.5, load=3)).span
    assert span.low - without.low == pytest.approx(2 * (3 + 9 * 0.5))


def test_a_target_of_unknown_pace_is_named_and_left_aside(suite: SuiteWriter) -> None:
    made = planned(suite, 'profile = "quick"')
    found = estimated(made, {"a": pace(0.5, high=3)})
    assert found.unknown == ("b",)
    assert found.span == Span(0.5 * 12, 0.5 * 12 * 3)
    told = text(replace(made, estimate=found))
    assert "it will take 6 s to 18 s" in told
    assert "a: made up" in told
    assert "the size of the artifact is not: b" in told


def test_environments_to_build_stand_apart(suite: SuiteWriter) -> None:
    made = planned(suite, 'profile = "quick"')
    build = replace(made, targets=tuple(replace(each, how="to build") for each in made.targets))
    found = estimated(build, both(0.5))
    assert found.span == estimated(made, both(0.5)).span
    assert "environments to build, for a, b" in text(replace(build, estimate=found))


def test_without_a_run_it_is_guessed_from_bytes_and_bandwidth(suite: SuiteWriter) -> None:
    """40 GB read once a token at a published 1 TB/s: 40 ms at the best, on one device."""
    scenario = '[[scenarios]]\nname = "first"\nprompt_tokens = 512\noutput_tokens = 100\n'
    made = planned(suite, 'profile = "quick"', scenario)
    target = replace(made.targets[0], artifact_bytes=40 * 10**9, variant="cuda")
    found = modelled(made, target, 1e12)
    assert found is not None
    assert "1,000 GB/s" in found.whence
    assert found.passes["first"].low == pytest.approx(100 * 0.04 + 512 * 0.04 / 400, rel=0.01)
    assert found.passes["first"].high > 4 * found.passes["first"].low
    assert found.load.low == pytest.approx(40 / 8 + 0.2)
    assert modelled(made, replace(target, artifact_bytes=None), 1e12) is None
    unknown = modelled(made, target, None)
    assert unknown is not None
    assert "guessed" in unknown.whence
    assert unknown.passes["first"].high > found.passes["first"].high


GIB = 2**30
PUBLISHED = {
    "RTX 4090, Llama 3 8B F16": (14.96 * GIB, 1008e9, 1, 54.34, 9056.26),
    "2 x RTX 4090, Llama 3 70B Q4_K_M by layer": (39.59 * GIB, 1008e9, 2, 19.06, 905.38),
    "RTX 3090, Llama 3 8B Q4_K_M": (4.58 * GIB, 936e9, 1, 111.74, 3865.39),
    "M2 Ultra, Llama 3 70B Q4_K_M": (39.59 * GIB, 800e9, 0, 12.13, 117.76),
    "M3 Max, Llama 3 70B Q4_K_M": (39.59 * GIB, 400e9, 0, 7.53, 62.88),
    "M3 Max, Llama 3 8B F16": (14.96 * GIB, 400e9, 0, 22.39, 751.49),
}
"""Weights, published bandwidth, CUDA devices, decode and prefill in tokens/s as measured by
llama-bench at 1024 tokens (github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference at aa72e0e)."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_speeds_lie_within_the_guess(suite: SuiteWriter, name: str) -> None:
    weights, published, devices, decode_tps, prefill_tps = PUBLISHED[name]
    scenarios = '[[scenarios]]\nname = "s"\nprompt_tokens = [8, 1032]\noutput_tokens = [1, 1025]\n'
    made = planned(suite, 'profile = "quick"', scenarios)
    made = replace(made, machine=replace(made.machine, cuda_devices=("a card",) * devices))
    target = replace(made.targets[0], artifact_bytes=int(weights), variant="cuda")
    found = modelled(made, target, published)
    assert found is not None
    passes = found.passes
    decode = Span(
        passes["s-8-1025"].low - passes["s-8-1"].low, passes["s-8-1025"].high - passes["s-8-1"].high
    )
    prefill = Span(
        passes["s-1032-1"].low - passes["s-8-1"].low, passes["s-1032-1"].high - passes["s-8-1"].high
    )
    assert decode.low <= 1024 / decode_tps <= decode.high
    assert prefill.low <= 1024 / prefill_tps <= prefill.high


def test_the_bytes_of_an_artifact_are_known_where_it_lies(suite: SuiteWriter) -> None:
    made = planned(suite, 'profile = "quick"')
    assert made.targets[0].artifact_bytes == Path(TINY / "config.json").stat().st_size
