"""Times whose energy is that of one phase of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from crossbench.analysis.cell import Cell
from crossbench.analysis.energy_windows import INVALID, OVERLAP, PAUSES, UNPROVEN, Phase, windows
from crossbench.analysis.sample import Sample
from crossbench.analysis.served import courses
from crossbench.analysis.sitting import Stay
from crossbench.suite.model import Load
from tests.analysis.readings import NS, POWER, sitting

LINES = count(1)
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
    repeat: int = 0,
) -> Sample:
    return Sample(
        line=next(LINES),
        launch=launch,
        worker=worker or launch,
        repeat=repeat,
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
    timed: Sequence[Sample],
    *,
    prefill: Sequence[Sample] = (),
    decode: Sequence[Sample] = (),
    sentinels: Sequence[Sample] = (),
    users: int | None = None,
) -> Cell:
    made = Cell()
    if users is not None:
        made.load = Load(of="s", concurrency=users, requests=len(timed))
    made.samples.extend(timed)
    made.sentinels.extend(sentinels)
    made.alone["prefill"].extend(prefill)
    made.alone["decode"].extend(decode)
    return made


def told(
    phase: Phase, made: Cell, *launches: str, beside: Cell | None = None
) -> tuple[list[tuple[float, float, int]], list[str]]:
    """Begin and end in seconds and tokens of each window, and the reasons; `beside` is another cell
    of the same launches."""
    served = courses({("t", "s"): made, ("t", "other"): beside or Cell()})
    watched = dict.fromkeys(launches or ("b1",), STAY)
    found, reasons = windows(phase, made, watched, served["t", "s"])
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
    course = courses({("t", "s"): made})["t", "s"]
    assert windows("prefill", made, {"b1": STAY}, course)[0][0].alone
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


BROKEN = "the engine refused it"


@pytest.mark.parametrize("fault", [None, BROKEN])
def test_a_request_that_does_not_count_ran_beside_the_others_all_the_same(
    fault: str | None,
) -> None:
    made = cell([sample(0, 12, 12), sample(5, 2, 2, fault=fault), sample(30, 12, 12)])
    found, reasons = told("prefill", made)
    assert found == [(30, 42, 100)]
    assert OVERLAP in reasons


def test_a_pass_with_a_request_that_does_not_count_has_no_energy_of_its_own() -> None:
    """Of two passes of two users the second has a refusal, of which nobody knows when it ended."""
    clean = [sample(0, 6, 6), sample(1, 6, 6)]
    refused = sample(16, 0, 0, fault=BROKEN, repeat=1, tokens=0)
    spoilt = [refused, sample(14, 6, 6, repeat=1), sample(27, 6, 6, repeat=1)]
    made = cell([*clean, *spoilt], users=2)
    assert told("requests", made) == ([(0, 13, 22)], [INVALID])
    assert told("requests", cell(spoilt, users=2)) == ([], [INVALID])
    whole = [*clean, *(sample(at, 6, 6, repeat=1) for at in (13.5, 14))]
    assert told("requests", cell(whole, users=2)) == ([(0, 26, 44)], [])


def test_what_failed_beside_others_may_have_lasted_until_its_pass_ended() -> None:
    """Of one that was refused nobody knows when: only where it was alone is the next its end."""
    pair = [sample(0, 0, 0, fault=BROKEN, tokens=0), sample(1, 2, 12)]
    assert told("decode", cell(pair, users=2)) == ([], [OVERLAP])
    for users in (None, 1):
        assert told("decode", cell(pair, users=users)) == ([(3, 15, 10)], [])


def test_one_that_does_not_count_and_ran_alone_parts_the_row() -> None:
    """Of one user after the other: its own time is in neither window."""
    row = [
        sample(0, 6, 6),
        sample(12, 5, 0, fault=BROKEN, tokens=3),
        sample(17.5, 6, 5),
        sample(28.5, 6, 6),
    ]
    for users in (None, 1):
        assert told("requests", cell(row, users=users)) == ([(0, 12, 11), (17.5, 40.5, 22)], [])


def test_what_ran_between_two_passes_of_a_cell_parts_its_row() -> None:
    """A disturbed scenario in turn with its quiet one: half a second is no pause."""
    quiet = cell([sample(0, 6, 6), sample(12.6, 6, 6)])
    disturbed = cell([sample(12.1, 0.2, 0.2)])
    assert told("requests", quiet)[0] == [(0, 24.6, 22)]
    assert told("requests", quiet, beside=disturbed) == ([(0, 12, 11), (12.6, 24.6, 11)], [])
    again = cell([sample(0, 6, 6), sample(12.6, 6, 6)], sentinels=[sample(12.1, 0.2, 0.2)])
    assert told("requests", again)[0] == [(0, 12, 11), (12.6, 24.6, 11)]


def test_a_pass_of_which_nothing_counts_is_named_elsewhere() -> None:
    torn = [sample(30, 6, 6, fault="torn", repeat=1), sample(31, 6, 6, fault="torn", repeat=1)]
    made = cell([sample(0, 6, 6), sample(1, 6, 6), *torn], users=2)
    assert told("requests", made) == ([(0, 13, 22)], [])


def test_workers_are_not_held_against_each_other() -> None:
    """A launch that began anew has a clock of its own, as after a restart of the machine."""
    made = cell([sample(100, 12, 12, worker="b1"), sample(90, 12, 12, worker="b1@2")])
    found, reasons = told("prefill", made, "b1", "b1@2")
    assert (len(found), reasons) == (2, [])
    assert len(told("requests", made, "b1", "b1@2")[0]) == 2
