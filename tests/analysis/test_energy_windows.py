"""Times whose energy is that of one phase of one cell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crossbench.analysis.energy_windows import OVERLAP, PAUSES, UNPROVEN, Phase, windows
from crossbench.analysis.sample import Sample
from crossbench.analysis.samples import Cell
from crossbench.analysis.sitting import Stay
from tests.analysis.readings import NS, POWER, sitting

STAY = Stay(sitting=sitting({POWER: [1.0, 1.0]}, (0, 999)), begin_ns=0, end_ns=999 * NS)


def sample(
    at_s: float,
    ttft_s: float,
    decode_s: float,
    *,
    launch: str = "b1",
    worker: str | None = None,
    cached: int | None = 0,
    prompt_tokens: int = 100,
    tokens: int = 11,
    fault: str | None = None,
) -> Sample:
    return Sample(
        line=1,
        launch=launch,
        worker=worker or launch,
        repeat=0,
        prompt=0,
        fault=fault,
        prompt_tokens=prompt_tokens,
        cached=cached,
        tokens=tokens,
        later_tokens=tokens - 1,
        counted_by="ids",
        chunks=tokens,
        ttft_s=ttft_s,
        decode_s=decode_s,
        t0_ns=round(at_s * NS),
    )


def cell(
    timed: Sequence[Sample], *, prefill: Sequence[Sample] = (), decode: Sequence[Sample] = ()
) -> Cell:
    made = Cell()
    made.samples.extend(timed)
    made.alone["prefill"].extend(prefill)
    made.alone["decode"].extend(decode)
    return made


def told(
    phase: Phase, made: Cell, *launches: str
) -> tuple[list[tuple[float, float, int]], list[str]]:
    """Begin and end in seconds and tokens of each window, and the reasons."""
    found, reasons = windows(phase, made, dict.fromkeys(launches or ("b1",), STAY))
    return [(each.begin_ns / NS, each.end_ns / NS, each.tokens) for each in found], reasons


def test_a_phase_that_is_long_is_its_own_window() -> None:
    made = cell([sample(5, 12, 30)])
    assert told("prefill", made) == ([(5, 17, 100)], [])
    assert told("decode", made) == ([(17, 47, 10)], [])
    assert told("requests", made) == ([(5, 47, 11)], [])


def test_a_phase_that_is_short_needs_to_be_repeated() -> None:
    made = cell([sample(0, 2, 12), sample(15, 3, 12)])
    found, (reason,) = told("prefill", made)
    assert found == []
    assert reason == "window-too-short: 2 of 2 windows of prefill are under 10 s, the longest 3 s"


def test_repeats_of_a_phase_are_one_window_and_excuse_the_short_ones() -> None:
    repeated = [sample(30 + 2 * n, 1.99, 0, tokens=1, cached=n % 2) for n in range(6)]
    made = cell([sample(0, 2, 12)], prefill=repeated)
    ((begin_s, end_s, tokens),), reasons = told("prefill", made)
    assert (begin_s, tokens) == (30, 597)
    assert end_s == pytest.approx(41.99)
    assert reasons == []
    assert windows("prefill", made, {"b1": STAY})[0][0].alone
    assert told("decode", made)[0] == [(2, 14, 10)]


def test_all_tokens_of_repeated_outputs_are_of_decoding() -> None:
    made = cell([sample(0, 2, 3)], decode=[sample(30, 0.1, 11.9, tokens=50)])
    assert told("decode", made) == ([(30, 42, 50)], [])


def test_the_short_windows_of_a_launch_that_repeated_nothing_are_named() -> None:
    made = cell(
        [sample(0, 2, 3), sample(0, 2, 3, launch="b2")],
        decode=[sample(30, 0.1, 11.9, tokens=50)],
    )
    found, (reason,) = told("decode", made, "b1", "b2")
    assert len(found) == 1
    assert reason == "window-too-short: 1 of 2 windows of decode are under 10 s"


def test_repeats_with_the_host_between_them_are_not_of_one_phase() -> None:
    idle = [sample(30 + 2 * n, 1.5, 0, tokens=1) for n in range(6)]
    assert PAUSES in told("prefill", cell([sample(0, 2, 3)], prefill=idle))[1]


def test_repeats_that_failed_count_for_nothing() -> None:
    broken = [sample(30, 12, 0, tokens=1, fault="it broke")]
    found, reasons = told("prefill", cell([sample(0, 2, 3)], prefill=broken))
    assert found == []
    assert len(reasons) == 1


def test_prompts_of_which_nobody_knows_what_was_computed_do_not_count() -> None:
    made = cell([sample(0, 12, 12, cached=None)], prefill=[sample(30, 12, 0, cached=None)])
    assert told("prefill", made) == ([], [UNPROVEN])
    assert told("decode", made) == ([(12, 24, 10)], [])


def test_requests_side_by_side_are_one_window_and_have_no_phases_of_their_own() -> None:
    """Two streams: 0 to 20 s and 5 to 15 s; then, after a pause, one alone."""
    made = cell([sample(0, 10, 10), sample(5, 5, 5), sample(30, 11, 11)])
    assert told("requests", made) == ([(0, 20, 22), (30, 52, 11)], [])
    found, reasons = told("prefill", made)
    assert found == [(30, 41, 100)]
    assert OVERLAP in reasons


def test_workers_are_not_held_against_each_other() -> None:
    """A launch that began anew has a clock of its own, as after a restart of the machine."""
    made = cell([sample(100, 12, 12, worker="b1"), sample(90, 12, 12, worker="b1@2")])
    found, reasons = told("prefill", made, "b1", "b1@2")
    assert (len(found), reasons) == (2, [])
    assert len(told("requests", made, "b1", "b1@2")[0]) == 2
