"""Whether a machine's settings stayed as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from crossbench.analysis.check import Check
from crossbench.analysis.constancy import constancy
from crossbench.analysis.sitting import sittings
from crossbench.machine import facts
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import Nvidia
from crossbench.machine.reading import Reading
from crossbench.machine.telemetry import Seen
from tests.analysis.readings import NS, POWER, events
from tests.machine.stand_in import TWO_4090, Play, nvml_library, play

__all__ = ["nvml_library", "play"]


@pytest.fixture
def machine(play: Play) -> Machine:
    play(TWO_4090)
    found = facts.observe()
    host = found.host.value
    assert host is not None
    calm = replace(host, governors=Reading(("performance",)), on_battery=Reading(False))
    return replace(found, host=Reading(calm))


def limited(machine: Machine, watts: float) -> Machine:
    """With another power limit of its second card."""
    cards = machine.nvidia.value
    assert cards is not None
    first, second = cards.devices
    changed = replace(second, power=replace(second.power, limit_w=Reading(watts)))
    nvidia = Reading[Nvidia](replace(cards, devices=(first, changed)))
    return replace(machine, nvidia=nvidia)


def found(
    machine: Machine, seen: Mapping[int, Reading[Machine]], launches: Sequence[str] = ()
) -> Check:
    """Second -> what was seen; workers begin at 10 s and at 20 s."""
    told = events({POWER: [1.0] * 30}, range(30), {10: "b1-one", 15: None, 20: "b2-one", 25: None})
    told += [Seen(at_ns=at * NS, machine=each) for at, each in seen.items()]
    in_order = [told[0], *sorted(told[1:], key=lambda each: each.at_ns)]
    return constancy(machine, sittings(in_order), launches)


def test_a_setting_that_changed_is_named_with_the_launch_it_changed_before(
    machine: Machine,
) -> None:
    lower = limited(machine, 300.0)
    check = found(machine, {9: Reading(machine), 19: Reading(lower), 28: Reading(lower)})
    assert (check.found, check.subject) == (True, "machine")
    assert check.evidence == "power limit in W of GPU 1: 450, then 300 from b2-one on"


def test_a_setting_that_changed_at_the_end_or_before_the_first_is_named(machine: Machine) -> None:
    host = machine.host.value
    assert host is not None
    slow = replace(host, governors=Reading(("powersave", "performance")))
    changed = replace(machine, host=Reading(slow))
    at_end = found(machine, {9: Reading(machine), 28: Reading(changed)})
    assert at_end.evidence == (
        "clock governor: performance, then powersave, performance from the end on"
    )
    assert found(machine, {9: Reading(changed)}).evidence.endswith("from b1-one on")


def test_a_machine_that_stayed_is_said_to_have_and_what_is_unknown_is_no_change(
    machine: Machine,
) -> None:
    gone = replace(machine, nvidia=Reading[Nvidia](reason="the driver hangs"))
    seen = {9: Reading(machine), 19: Reading[Machine](reason="it broke"), 28: Reading(gone)}
    check = found(machine, seen)
    assert check.found is False
    assert check.evidence.endswith("settings stayed as they were, read 2 times")


def test_a_single_setting_is_told_as_one(machine: Machine) -> None:
    host = machine.host.value
    assert host is not None
    plugged = replace(host, governors=Reading[tuple[str, ...]](reason="no governor"))
    none = Reading[Nvidia](reason="no driver")
    gone = replace(machine, host=Reading(plugged), nvidia=none)
    assert found(gone, {9: Reading(gone)}).evidence == "1 setting stayed as it was, read 1 time"


def test_a_machine_that_nobody_saw_is_not_known(machine: Machine) -> None:
    assert (found(machine, {}).found, found(machine, {}).evidence) == (None, "no probe read it")


def test_launches_before_which_nobody_looked_are_named(machine: Machine) -> None:
    """A sampler that was slow, or had ended."""
    both = ["b1-one", "b2-one"]
    assert (
        "not read" not in found(machine, {9: Reading(machine), 19: Reading(machine)}, both).evidence
    )
    check = found(machine, {9: Reading(machine)}, both)
    assert (check.found, check.evidence.endswith("; not read in time before b2-one")) == (
        False,
        True,
    )
    many = [f"b{number}" for number in range(9)]
    assert found(machine, {9: Reading(machine)}, many).evidence.endswith("b0, b1, b2 and 6 more")


def test_a_run_that_was_not_to_be_read_says_so(machine: Machine) -> None:
    check = constancy(machine, [], ["b1-one"], "it was switched off (--no-probes)")
    assert (check.found, check.evidence) == (None, "it was switched off (--no-probes)")
