"""When a run measures its instrument, and what it does where that cannot be done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace as replaced

from crossbench.api import EnvSpec
from crossbench.instrument.beside import most_streams, note
from crossbench.journal import Event, InstrumentMeasured
from crossbench.plan.model import Plan
from crossbench.registry import Registry
from crossbench.run.bench import Bench
from tests.conftest import Silent


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


def noted(registry: Registry, planned: Plan) -> list[Event]:
    events: list[Event] = []
    stand: Any = SimpleNamespace(plan=planned, registry=registry, write=events.append)
    note(cast("Bench", stand), Silent())
    return events


def test_the_most_streams_of_what_is_measured_count() -> None:
    assert most_streams(plan(chat=1, crowd=8, left=64)) == 8
    assert most_streams(plan(left=64)) == 0


def test_without_streams_nothing_is_measured() -> None:
    assert noted(Registry(), plan(chat=1)) == []


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
    assert isinstance(event, InstrumentMeasured)
    assert not event.figures.trials
    assert not event.figures.capacities
    assert event.figures.failure
