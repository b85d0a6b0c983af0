"""When a run measures its instrument, and what it does where that cannot be done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace as replaced

from crossbench.api import EnvSpec
from crossbench.envs.progress import Progress
from crossbench.instrument import beside
from crossbench.instrument.beside import FRESH_S, latest, most_streams, note
from crossbench.instrument.model import Figures
from crossbench.instrument.scripts import SINGLE
from crossbench.journal.events import InstrumentMeasured
from crossbench.plan.model import Plan
from crossbench.registry import Registry
from crossbench.run.bench import Bench
from tests.conftest import Silent
from tests.instrument.played import trial


def plan(**streams: int) -> Plan:
    """Of scenarios with so many streams; those that are called `left` are in no launch."""
    scenarios = [SimpleNamespace(name=name, streams=most) for name, most in streams.items()]
    measured = tuple(name for name in streams if name != "left")
    return cast(
        "Plan",
        SimpleNamespace(
            launches=(SimpleNamespace(scenarios=measured),),
            suite=SimpleNamespace(scenarios=scenarios),
        ),
    )


def noted(registry: Registry, planned: Plan) -> list[InstrumentMeasured]:
    events: list[Any] = []
    stand: Any = SimpleNamespace(plan=planned, registry=registry, write=events.append)
    note(cast("Bench", stand), Silent())
    assert all(isinstance(event, InstrumentMeasured) for event in events)
    return events


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What this process has measured before, and what a test lets it believe."""
    latest.forget()
    yield
    latest.forget()


@pytest.fixture
def sittings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The streams of every sitting, of which none is held."""
    held: list[int] = []

    def sat(_: Registry, __: Progress, streams: int) -> Figures:
        held.append(streams)
        return Figures(trials=(trial(SINGLE),) * len(held))

    monkeypatch.setattr(beside, "beside", sat)
    return held


def test_the_most_streams_of_what_is_measured_count() -> None:
    assert most_streams(plan(chat=1, crowd=8, left=64)) == 8
    assert most_streams(plan(left=64)) == 0


def test_single_requests_are_reason_enough_and_nothing_to_measure_is_none(
    sittings: list[int],
) -> None:
    assert len(noted(Registry(), plan(chat=1))) == 1
    assert noted(Registry(), plan(left=64)) == []
    assert sittings == [1]


def test_a_process_measures_it_anew_for_other_streams_or_when_it_is_old(
    sittings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again, other = (noted(Registry(), plan(chat=streams))[0] for streams in (1, 1, 8))
    assert sittings == [1, 8]
    assert first.age_s == other.age_s == 0
    assert again.figures == first.figures
    assert 0 < again.age_s < FRESH_S
    later = time.monotonic() + FRESH_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    (anew,) = noted(Registry(), plan(chat=1))
    assert sittings == [1, 8, 1]
    assert (len(anew.figures.trials), anew.age_s) == (3, 0)


def test_an_instrument_that_cannot_be_measured_costs_a_run_nothing(
    store: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry()
    provided = registry.backend("null")
    homeless = replaced(
        provided.spec, environments={"host": EnvSpec(requirements=("an-engine==1.0",))}
    )
    monkeypatch.setattr(registry, "backend", lambda _: SimpleNamespace(spec=homeless))
    (event,) = noted(registry, plan(crowd=4))
    assert not event.figures.trials
    assert not event.figures.capacities
    assert event.figures.failure
