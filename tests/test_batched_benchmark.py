"""The benchmark of several requests at once: its rates, its verdict, and a round on llama.cpp."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.batched import crowd, figures, llamacpp
from benchmarks.batched.crowd import Load, Round
from benchmarks.contestants import Worker
from benchmarks.engine import Engine
from benchmarks.tables import CROSSBENCH
from crossbench.envs import overlay
from crossbench.registry import Registry
from crossbench_llamacpp.options import LlamaCppOptions
from tests.conftest import TINY, engine


def test_rates_leave_out_the_first_round_and_the_first_tokens() -> None:
    load = Load(streams=4, prompt=10, output=6)
    rounds = [Round(99.0, 99.0), Round(2.0, 1.0), Round(4.0, 2.0), Round(5.0, 4.0)]
    assert llamacpp._rates(rounds, load) == {"prompt": 10.0, "output": 10.0, "both": 10.0}


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [((0.99, 1.0, 1.01), "met"), ((0.9, 1.0, 1.1), "MISSED"), ((0.94, 0.941, 0.942), "MISSED")],
)
def test_the_whole_interval_must_be_near(ratios: tuple[float, ...], verdict: str) -> None:
    measured = [{CROSSBENCH: {"output": 50 * ratio}, "other": {"output": 50.0}} for ratio in ratios]
    assert f"- {verdict}: output" in figures.markdown(measured, ["other"], "output")


@pytest.mark.engine("llamacpp")
def test_a_round_is_of_requests_that_run_together(tmp_path: Path) -> None:
    spec = Registry().backend("llamacpp").spec
    overlay.lay(spec)
    found = Engine(spec, engine("llamacpp"))
    options = LlamaCppOptions(threads=1)
    model = TINY / "tiny-f16.gguf"
    with closing(Worker(found, options, model, 80, tmp_path, streams=4)) as worker:
        alone = crowd.ask(worker, [[9] * 8], 60)
        four = crowd.ask(worker, [[9 + n] * 8 for n in range(4)], 60)
        with pytest.raises(SystemExit, match="a request failed"):
            crowd.ask(worker, [[9] * 800], 60)
    assert 0 < four.prompt_s < four.whole_s
    assert four.whole_s < 10 * alone.whole_s
