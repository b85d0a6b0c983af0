"""Estimates from earlier runs, in folders written as runs write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.duration import earlier
from crossbench.journal.folder import JOURNAL
from crossbench.journal.manifest import Manifest
from crossbench.journal.writer import Journal
from crossbench.plan.estimate import estimated
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from tests.conftest import SuiteWriter
from tests.plan.paces import SCENARIOS, planned
from tests.timeline import Script, events

pytestmark = pytest.mark.usefixtures("store")


def ran(plan: Plan, folder: Path, script: Script) -> None:
    """The folder of a run of that plan."""
    manifest = Manifest(
        crossbench="0",
        definitions=1,
        started="2026-01-01T00:00:00Z",
        command=(),
        suite_text="",
        plan=plan,
        selection=Selection(),
        artifacts={},
        environments={},
    )
    with Journal(folder, new=True) as journal:
        journal.write_manifest(manifest)
        for launch in (*plan.burn_in, *plan.launches):
            for _, event in events(plan, launch, script):
                journal.append(event)


def test_an_earlier_run_tells_within_its_range(suite: SuiteWriter, tmp_path: Path) -> None:
    made, script = planned(suite, "launches = 2"), Script(load=3, request=0.25, rest=0.5)
    ran(made, tmp_path / "runs" / "20260101T000000Z", script)
    wanted = planned(suite, 'profile = "publish"')
    found = estimated(wanted, earlier.paces(wanted, tmp_path / "runs"))
    assert found.unknown == ()
    assert found.span.low <= script.plan(wanted) <= found.span.high
    assert found.span.high < 1.8 * found.span.low
    assert found.paces["a"].whence == "from the run of 2026-01-01T00:00:00Z"


def test_the_newest_run_tells(suite: SuiteWriter, tmp_path: Path) -> None:
    made = planned(suite, 'profile = "quick"')
    for name, seconds in (("20260101T000000Z", 9.0), ("20260301T000000Z", 1.0)):
        ran(made, tmp_path / "runs" / name, Script(request=seconds))
    found = earlier.paces(made, tmp_path / "runs")
    assert found["a"].passes["first"].low == pytest.approx(0.9)
    assert (found["a"].load.low, found["a"].rest.high) == pytest.approx((1.6, 2.0))


def test_another_machine_artifact_option_or_scenario_tells_nothing(
    suite: SuiteWriter, tmp_path: Path
) -> None:
    made = planned(suite, 'profile = "quick"')
    machine = replace(made.machine, cpu="another")
    ran(replace(made, machine=machine), tmp_path / "machine" / "1", Script())
    assert earlier.paces(made, tmp_path / "machine") == {}
    ran(made, tmp_path / "runs" / "1", Script())
    assert set(earlier.paces(made, tmp_path / "runs")) == {"a", "b"}
    other = planned(suite, 'profile = "quick"', SCENARIOS.replace("tokens = 8", "tokens = 9"))
    assert earlier.paces(other, tmp_path / "runs") == {}
    first, second = made.suite.targets
    changed = replace(first, options={"ttft_s": 1.0})
    optioned = replace(made, suite=replace(made.suite, targets=(changed, second)))
    assert set(earlier.paces(optioned, tmp_path / "runs")) == {"b"}


def test_what_cannot_be_read_is_passed_over(suite: SuiteWriter, tmp_path: Path) -> None:
    made = planned(suite, 'profile = "quick"')
    runs = tmp_path / "runs"
    assert earlier.paces(made, runs) == {}
    ran(made, runs / "1", Script())
    (runs / "2").mkdir()
    (runs / "2" / "run.json").write_text("{")
    ran(made, runs / "3", Script())
    (runs / "3" / JOURNAL).write_text("no journal\n" * 3)
    assert set(earlier.paces(made, runs)) == {"a", "b"}


def test_only_so_much_is_read(
    suite: SuiteWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = planned(suite, 'profile = "quick"')
    ran(made, tmp_path / "runs" / "1", Script())
    monkeypatch.setattr(earlier, "BYTES", 1000)
    assert earlier.paces(made, tmp_path / "runs") == {}
