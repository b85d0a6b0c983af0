"""Cards that change while a run works on them: from the driver's stand-in to the panel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crossbench.analysis.check import Check
from crossbench.journal.events import Event, LaunchReady, SampleTaken
from crossbench.journal.reader import read_events
from crossbench.report.markdown import page
from tests.machine.probed import LIMIT_S, SUITE, begun, finished, on_card
from tests.machine.stand_in import (
    FAILING,
    HW_THERMAL,
    TWO_4090,
    Facts,
    card,
    put,
    without_energy,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]
LONGER = SUITE.replace("launches = 2", "launches = 1").replace("= 24", "= 250")
"""Its two timed samples take 5 s, within which there are readings."""
LOOK_S = 0.05
IDLE: Facts = without_energy({**TWO_4090, **card(0, pcie__width=8, compute="4242:0")})


def wait_for(folder: Path, met: Callable[[Event], bool]) -> None:
    """Until the run has written such an event down."""
    deadline = time.monotonic() + LIMIT_S
    while not (folder / "journal.jsonl").exists() or not any(map(met, read_events(folder))):
        assert time.monotonic() < deadline, "the run does not get there"
        time.sleep(LOOK_S)


def acted(
    library: Path, folder: Path, suite: str, facts: Facts, when: type[Event], then: Facts
) -> dict[str, Check]:
    """Rule -> what the panel says of a run whose cards are these, and others from some event on."""
    put(folder / "nvml.txt", facts)
    process = begun(folder, library, folder / "nvml.txt", suite)
    try:
        wait_for(folder / "run", lambda event: isinstance(event, when))
        put(folder / "nvml.txt", then)
    finally:
        finished(process)
    told = on_card(folder / "run", folder / "card")
    assert "## Integrity" in page.render(told)
    return {check.rule: check for check in told.checks}


def test_a_card_that_wakes_and_grows_hot_under_load_is_told_as_it_was_then(
    nvml_library: Path, tmp_path: Path
) -> None:
    """Its link is of the first generation while it idles, of the fourth while it works."""
    hot = card(0, pcie__width=8, pcie__generation=4, reasons=HW_THERMAL, compute="4242:0")
    loaded = without_energy({**IDLE, **hot})
    found = acted(nvml_library, tmp_path, LONGER, IDLE, LaunchReady, loaded)
    assert found["link-below-maximum"].found is True
    assert found["link-below-maximum"].evidence.startswith("GPU 0: x8 of x16, generation 4 of 4,")
    assert found["throttled"].found is True
    assert found["throttled"].evidence.startswith("GPU 0: heat, by hardware in ")
    assert found["clocks-set"].found is False
    assert found["foreign-process"].found is True
    assert found["foreign-process"].evidence == (
        "none of its 2 timed samples; GPU 0 had 1 process of others when it was planned and before "
        "1 of 1 launch, first b1-one"
    )


def test_who_comes_while_samples_are_timed_costs_those_after_it(
    nvml_library: Path, tmp_path: Path
) -> None:
    came = {**IDLE, "0.compute": "4242:0 4711:0"}
    found = acted(nvml_library, tmp_path, SUITE, IDLE, SampleTaken, came)
    check = found["foreign-process"]
    assert check.found is True
    assert " timed samples are left out: another process came onto its devices; " in check.evidence
    assert "GPU 0 had 2 processes of others when it was planned and before " in check.evidence


def test_a_driver_that_tells_nobody_of_processes_is_not_a_driver_without_any(
    nvml_library: Path, tmp_path: Path
) -> None:
    refusing = without_energy(FAILING)
    found = acted(nvml_library, tmp_path, SUITE, refusing, LaunchReady, refusing)
    check = found["foreign-process"]
    why = "the NVIDIA driver says: Insufficient Permissions"
    assert check.found is None
    assert check.evidence == (
        f"none of its 4 timed samples; not known is who is on GPU 0: {why}; not known is who came "
        f"meanwhile: {why}"
    )
