"""Nothing is given to two processes, and what is given is as far apart as can be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbench.envs.environment import Environment
from crossbench.machine.visible import VARIABLE
from crossbench.places.placement import Crowded, Place, Room, background_place, places
from crossbench.places.processors import hold, usable
from crossbench.places.seats import room, seats
from crossbench.prompts.book import PromptBook
from crossbench.run.launch import devices, environ
from crossbench.suite.load import load
from crossbench.suite.tables.target import TargetNeeds
from tests.comparison.scripted import MACHINE, planned
from tests.conftest import ROOT, SuiteWriter

FOUR = ((0, 4), (1, 5), (2, 6), (3, 7))
"""Four cores of two threads each, numbered as Linux often does."""
CPUS = Room(cores=FOUR)
CARDS = Room(cores=FOUR, cuda=("0", "1", "2", "3"))


SCORED = """
[[scenarios]]
name = "chat"
prompt_tokens = 16
output_tokens = 24
concurrency = 2
[quality]
text = "{}"
window = 64
windows = 2
"""


def cpus(needs: TargetNeeds, replicas: int, room: Room = CPUS) -> list[tuple[int, ...]]:
    return [place.cpus for place in places(needs, replicas, room)[0]]


def test_a_target_that_is_alone_is_held_to_nothing() -> None:
    assert places(TargetNeeds(), 1, CARDS) == ((Place(),), CARDS)


def test_a_target_that_is_alone_sees_as_many_devices_as_it_needs() -> None:
    given, left = places(TargetNeeds(cuda=2), 1, CARDS)
    assert given == (Place(cuda=("0", "1")),)
    assert left.cuda == ("2", "3")


def test_a_target_that_names_its_processors_is_held_to_them() -> None:
    assert cpus(TargetNeeds(cpus=2), 1) == [(0, 1)]


def test_replicas_without_a_number_divide_the_cores() -> None:
    assert cpus(TargetNeeds(), 2) == [(0, 1, 4, 5), (2, 3, 6, 7)]
    assert cpus(TargetNeeds(), 3) == [(0, 4), (1, 5), (2, 6)]


def test_more_replicas_than_cores_share_cores_but_no_thread() -> None:
    assert cpus(TargetNeeds(), 8) == [(n,) for n in (0, 4, 1, 5, 2, 6, 3, 7)]


def test_few_processors_are_taken_from_cores_of_their_own() -> None:
    """Two threads of one core are not two processors."""
    assert cpus(TargetNeeds(cpus=1), 4) == [(0,), (1,), (2,), (3,)]
    assert cpus(TargetNeeds(cpus=4), 2) == [(0, 1, 4, 5), (2, 3, 6, 7)]


def test_a_background_gets_none_of_the_cores_of_the_replicas() -> None:
    given, left = places(TargetNeeds(cpus=2), 1, CPUS, beside=TargetNeeds())
    assert given == (Place(cpus=(0, 1)),)
    assert background_place(TargetNeeds(), left, held=True) == Place(cpus=(2, 3, 6, 7))
    assert background_place(TargetNeeds(cpus=1), left, held=True) == Place(cpus=(2,))


def test_a_background_without_a_number_takes_an_equal_share() -> None:
    given, left = places(TargetNeeds(), 1, CPUS, beside=TargetNeeds())
    assert given == (Place(cpus=(0, 1, 4, 5)),)
    assert background_place(TargetNeeds(), left, held=True) == Place(cpus=(2, 3, 6, 7))


def test_devices_go_by_groups_and_hide_all_others() -> None:
    given, left = places(TargetNeeds(cuda=1), 2, CARDS, beside=TargetNeeds(cuda=2))
    assert given == (Place(cuda=("0",)), Place(cuda=("1",)))
    assert background_place(TargetNeeds(cuda=2), left, held=False) == Place(cuda=("2", "3"))


def test_replicas_that_need_no_device_see_none() -> None:
    assert {place.cuda for place in places(TargetNeeds(), 2, CARDS)[0]} == {()}


def test_where_no_process_can_be_held_none_is() -> None:
    assert places(TargetNeeds(cpus=2), 2, Room())[0] == (Place(), Place())


@pytest.mark.parametrize(
    ("needs", "replicas", "told"),
    [
        (TargetNeeds(cpus=5), 2, "10 processors are needed and 8 are there"),
        (TargetNeeds(), 9, "9 processes need a processor each and 8 are there"),
        (TargetNeeds(cuda=3), 2, "6 CUDA devices are needed and 4 are left"),
    ],
)
def test_too_little_is_named(needs: TargetNeeds, replicas: int, told: str) -> None:
    with pytest.raises(Crowded, match=told):
        places(needs, replicas, CARDS)


@given(
    threads=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    replicas=st.integers(1, 8),
    own=st.integers(0, 6),
    other=st.integers(0, 6),
)
def test_nothing_is_given_to_two(threads: list[int], replicas: int, own: int, other: int) -> None:
    numbers = iter(range(100))
    cores = tuple(tuple(next(numbers) for _ in range(count)) for count in threads)
    beside = TargetNeeds(cpus=other)
    try:
        taken, left = places(TargetNeeds(cpus=own), replicas, Room(cores=cores), beside=beside)
        taken = (*taken, background_place(beside, left, held=True))
    except Crowded:
        return
    every = [cpu for place in taken for cpu in place.cpus]
    assert len(every) == len(set(every))
    assert set(every) <= {cpu for core in cores for cpu in core}
    assert all(place.cpus for place in taken[:-1])
    assert not own or all(len(place.cpus) == own for place in taken[:-1])


def test_threads_of_a_core_are_found_together(tmp_path: Path) -> None:
    usable_now = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    for cpu in usable_now:
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text("0\n")
        (folder / "core_id").write_text(f"{cpu // 2}\n")
    found = usable(tmp_path)
    assert sorted(cpu for core in found for cpu in core) == usable_now
    assert all(cpu // 2 == core[0] // 2 for core in found for cpu in core)
    assert all(len(core) == 1 for core in usable(tmp_path / "nowhere"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds processes to processors")
def test_a_process_is_held() -> None:
    before = os.sched_getaffinity(0)
    try:
        hold(0, [min(before)])
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_a_worker_sees_the_devices_of_its_place_and_no_others() -> None:
    by_bus = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert devices(Place(cuda=("1", "GPU-3"))) == {VARIABLE: "1,GPU-3", **by_bus}
    assert devices(Place(cuda=())) == {VARIABLE: "", **by_bus}
    assert devices(Place(cpus=(1,))) == by_bus


def test_a_worker_counts_devices_in_the_order_in_which_they_are_named(
    null: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the user's own environment says: CUDA by itself begins with the fastest."""
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    for place in (None, Place(), Place(cuda=("0",))):
        assert environ(null, place)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_the_devices_are_those_that_the_user_shows() -> None:
    machine = replace(MACHINE, cuda_devices=("a card", "a card"))
    assert room(machine, {}).cuda == ("0", "1")
    assert room(machine, {VARIABLE: "3, GPU-1"}).cuda == ("3", "GPU-1")
    assert room(machine, {VARIABLE: ""}).cuda == ()


@pytest.mark.parametrize(
    ("needs", "replicas", "measured"),
    [("cuda = 1", 1, [("0",)]), ("cuda = 1", 2, [("0",), ("1",)]), ("memory_gib = 0", 1, [None])],
)
def test_a_scoring_launch_sees_the_devices_of_a_measuring_one(
    suite: SuiteWriter,
    monkeypatch: pytest.MonkeyPatch,
    needs: str,
    replicas: int,
    measured: list[tuple[str, ...] | None],
) -> None:
    """A machine of three cards: to score a target that needs one, it is shown one."""
    monkeypatch.delenv(VARIABLE, raising=False)
    text = ROOT / "suites" / "quality" / "tiny-held-out.txt"
    path = suite(scenarios=SCORED.format(text))
    asked = f"needs = {{ {needs} }}\nreplicas = {replicas}\noptions ="
    path.write_text(path.read_text().replace("options =", asked))
    found = load(path)
    machine = replace(MACHINE, cuda_devices=("a card",) * 3)
    plan = planned(found, PromptBook.open(found), machine)
    assert plan.scoring is not None
    (scoring,) = plan.scoring.launches
    assert [place.cuda for place in seats(plan, plan.launches[0])[0]] == measured
    assert [place.cuda for place in seats(plan, scoring)[0]] == measured[:1]
