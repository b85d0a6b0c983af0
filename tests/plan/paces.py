"""Plans of null targets and paces made by hand, for tests of time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crossbench.plan.model import Plan
from crossbench.plan.time import Pace, Span
from tests.conftest import SuiteWriter
from tests.plan.test_build import plan

SCENARIOS = "".join(
    f'[[scenarios]]\nname = "{name}"\nprompt_tokens = 16\noutput_tokens = 8\n'
    for name in ("first", "second", "third")
)


def planned(suite: SuiteWriter, protocol: str, scenarios: str = SCENARIOS) -> Plan:
    """Two targets on three scenarios."""
    path: Path = suite({"a": "", "b": ""}, protocol=protocol, scenarios=scenarios)
    return plan(path)


def pace(each: float, *, load: float = 0.0, rest: float = 0.0, high: float = 1.0) -> Pace:
    """Each pass takes `each` seconds, and at most `high` times that."""

    def span(seconds: float) -> Span:
        return Span(seconds, seconds * high)

    return Pace(
        load=span(load),
        rest=span(rest),
        passes={name: span(each) for name in ("first", "second", "third")},
        window=span(each),
        whence="made up",
        measured=True,
    )


def both(each: float, **parts: float) -> Mapping[str, Pace]:
    """Targets `a` and `b` at the same pace."""
    return {name: pace(each, **parts) for name in ("a", "b")}
