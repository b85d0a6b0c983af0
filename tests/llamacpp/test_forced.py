"""Along forced ids the output is given, the work is as usual, and the model sees what it is fed."""

from __future__ import annotations

import random

import pytest

from tests.llamacpp.conftest import Probe
from tests.llamacpp.live import STRICT, Live
from tests.reference import Reference

pytestmark = pytest.mark.engine("llamacpp")

PROMPT = list(range(20, 60))
FORCED = random.Random(4).choices(range(2048), k=40)


def test_forced_ids_are_the_output_one_a_chunk_and_cold(strict: Live) -> None:
    record = strict.record(PROMPT, 40, forced_ids=tuple(FORCED))
    assert record.failure is None
    assert record.token_ids == tuple(FORCED)
    assert record.counts == (1,) * 40
    assert record.finish is not None
    assert (record.finish.reason, record.finish.cached_prompt_tokens) == ("length", 0)


def test_the_model_is_fed_the_forced_ids_and_nothing_else(
    probe: Probe, model_f32: str, reference: Reference
) -> None:
    told = probe("peeks.along", model=model_f32, prompt=PROMPT, forced=FORCED, **STRICT)
    expected = reference.given([*PROMPT, *FORCED], len(PROMPT))
    assert told["logprobs"] == pytest.approx(expected, abs=5e-4)
    assert told["decoded"] == len(PROMPT) + len(FORCED) - 1


def test_along_its_own_choice_the_output_is_the_same(strict: Live) -> None:
    free = strict.generate(PROMPT, 30)
    assert strict.generate(PROMPT, 30, forced_ids=tuple(free)) == free


def test_forced_ids_go_before_stop_ids_and_temperature(probe: Probe, model: str) -> None:
    told = probe("peeks.drawn_along", model=model, prompt=PROMPT, forced=FORCED)
    assert told == FORCED


@pytest.mark.parametrize(
    ("forced", "said"),
    [
        (FORCED[:39], "39 forced ids for 40 output tokens"),
        ([*FORCED, 1], "41 forced ids for 40 output tokens"),
        ([*FORCED[:39], 2048], "vocabulary is 0 to 2047"),
    ],
)
def test_forced_ids_that_do_not_fit_are_refused(strict: Live, forced: list[int], said: str) -> None:
    record = strict.record(PROMPT, 40, forced_ids=tuple(forced))
    assert record.failure is not None
    assert (record.failure.kind, said in record.failure.message) == ("request", True)
    assert strict.generate(PROMPT, 3)
