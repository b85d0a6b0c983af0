"""Load in a plan: what it counts, who cannot run it, and how long it is thought to take."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.api import Capability, Finish
from crossbench.cli.planned import text
from crossbench.duration.observed import Observed
from crossbench.journal.events import LaunchStarted, PassTaken, SampleTaken
from crossbench.plan.modelled import modelled
from crossbench.plan.support import unsupported
from crossbench.registry import Registry
from crossbench.worker.protocol import Record
from tests.analysis.test_definitions import ready
from tests.conftest import SuiteWriter
from tests.plan.test_build import plan

pytestmark = pytest.mark.usefixtures("store")
PROTOCOL = "launches = 2\nrepeats = 3\nwarmups = 1\nburn_in = 0\nsentinel = false"
SCENARIOS = """
[[scenarios]]
name = "users"
prompt_tokens = 16
output_tokens = 24
concurrency = [1, 8]
[[scenarios]]
name = "arriving"
prompt_tokens = 16
output_tokens = 24
rate = 4
requests = 80
room = 16
[[scenarios]]
name = "alone"
prompt_tokens = 16
output_tokens = 24
"""


def test_a_repeat_has_as_many_requests_as_its_load(suite: SuiteWriter) -> None:
    made = plan(suite(protocol=PROTOCOL, scenarios=SCENARIOS))
    each = 4 + 32 + 80 + 1
    assert made.samples == 2 * 3 * each
    assert made.requests == 2 * 4 * each


def test_an_engine_is_loaded_for_the_most_that_its_launches_ask_at_once(
    suite: SuiteWriter,
) -> None:
    path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIOS)
    assert plan(path).streams("a") == 16
    assert plan(path, scenarios=("users",)).streams("a") == 8
    assert plan(path, scenarios=("users-c1", "alone")).streams("a") == 1
    assert plan(path, targets=("a",), scenarios=("alone",)).streams("b") == 16


def test_without_batch_only_one_at_a_time_is_supported(suite: SuiteWriter) -> None:
    scenarios = plan(suite(protocol=PROTOCOL, scenarios=SCENARIOS)).suite.scenarios
    spec = Registry().backend("null").spec
    lacking = replace(spec, capabilities=spec.capabilities - {Capability.BATCH})
    assert not unsupported("t", spec, scenarios)
    told = {item.scenario: item.reason for item in unsupported("t", lacking, scenarios)}
    serving = "backend null declares no serving of several requests at once"
    assert told == {
        "users-c8": f"{serving}, which concurrency 8 needs",
        "arriving": f"{serving}, which a rate needs",
    }


def test_a_plan_says_what_runs_at_once(suite: SuiteWriter) -> None:
    page = text(plan(suite(protocol=PROTOCOL, scenarios=SCENARIOS)))
    assert "| 8 users, 32 requests" in page
    assert "| 4 requests/s, 80 requests" in page
    assert "| one at a time" in page
    assert "under load all requests of a pass run as one measurement" in page


def test_requests_at_once_share_the_reading_of_weights_at_best(suite: SuiteWriter) -> None:
    made = plan(suite(protocol=PROTOCOL, scenarios=SCENARIOS))
    target = replace(made.targets[0], artifact_bytes=10**9)
    pace = modelled(made, target, None)
    assert pace is not None
    one, eight = pace.passes["users-c1"], pace.passes["users-c8"]
    assert one.low == pytest.approx(4 * pace.passes["alone"].low)
    assert one.low < eight.low < 8 * one.low
    assert eight.high == pytest.approx(8 * one.high)
    assert pace.passes["arriving"].low >= 20
    assert pace.passes["arriving"].high > 20 + 80 * pace.passes["alone"].low


def sample(number: int, begin_s: float, took_s: float, launch: str = "b1") -> SampleTaken:
    return SampleTaken(
        launch=launch,
        scenario="users-c8",
        role="timed",
        repeat=0,
        prompt=number,
        prompt_tokens=16,
        prompt_sha256="",
        asked_tokens=1,
        natural=False,
        record=Record(
            id="r",
            t0_ns=round(begin_s * 1e9),
            stamps_ns=(round(took_s * 1e9),),
            counts=(1,),
            token_ids=(1,),
            text=None,
            finish=Finish(reason="length"),
        ),
    )


def test_a_pass_takes_from_its_first_request_to_its_last_answer() -> None:
    """Two users of two requests each, of 10 s: 20 s, whatever their requests add up to."""
    observed = Observed({"users-c8"})
    observed.take(
        LaunchStarted(launch="b1", planned="b1", target="t", block=0, utc="", monotonic_ns=0)
    )
    observed.take(ready("b1", load_ms=1000))
    for number in range(4):
        observed.take(sample(number, 100 + 10 * (number // 2), 10))
    assert observed.pace("t", whence="here") is None
    observed.take(PassTaken(launch="b1", scenario="users-c8", role="timed", repeat=0, requests=4))
    pace = observed.pace("t", whence="here")
    assert pace is not None
    taken = pace.passes["users-c8"]
    assert (taken.low, taken.high) == pytest.approx((18, 24))
