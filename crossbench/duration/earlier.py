"""What earlier runs on this machine tell of how long a plan will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from crossbench.duration.observed import Observed
from crossbench.errors import InputError
from crossbench.journal.events import PassTaken, SampleTaken
from crossbench.journal.folder import JOURNAL, MANIFEST
from crossbench.journal.manifest import Manifest
from crossbench.journal.reader import read_events, read_manifest
from crossbench.machine.model import Machine
from crossbench.plan.model import Plan
from crossbench.plan.time import Pace
from crossbench.suite.model import Suite

RUNS = 5
"""How many are looked at, the newest first."""
BYTES = 64 * 2**20
"""How much of their journals is read in all: a look, not a study."""


def paces(plan: Plan, runs: Path) -> Mapping[str, Pace]:
    """Target -> its pace in the newest run below `runs` that measured the same on this machine.

    What cannot be read is passed over: an estimate is no reason to complain.
    """
    wanted = {target.target for target in plan.targets}
    found: dict[str, Pace] = {}
    left = BYTES
    for folder in _newest(runs):
        with suppress(InputError, OSError):
            left -= (folder / JOURNAL).stat().st_size
            if left < 0 or wanted <= found.keys():
                break
            for target, pace in _told(plan, folder, wanted).items():
                found.setdefault(target, pace)
    return found


def _newest(runs: Path) -> list[Path]:
    """Their folders' names begin with the time at which they began."""
    try:
        folders = [each for each in runs.iterdir() if (each / MANIFEST).is_file()]
    except OSError:
        return []
    return sorted(folders, key=lambda each: each.name, reverse=True)[:RUNS]


def _told(plan: Plan, folder: Path, wanted: set[str]) -> Mapping[str, Pace]:
    manifest = read_manifest(folder)
    if _hardware(manifest.plan.machine) != _hardware(plan.machine):
        return {}
    before = manifest.plan.suite
    alike = {name for name in wanted if _target(before, name) == _target(plan.suite, name)}
    scenarios = set(_same_scenarios(manifest, plan))
    observed = Observed(before.loaded)
    for event in read_events(folder):
        if not isinstance(event, SampleTaken | PassTaken) or event.scenario in scenarios:
            observed.take(event)
    windows = manifest.plan.scoring.windows if manifest.plan.scoring else 0
    whence = f"from the run of {manifest.started}"
    told = {name: observed.pace(name, windows=windows, whence=whence) for name in alike}
    return {
        name: pace
        for name, pace in told.items()
        if pace is not None and _planned(plan, name) <= pace.passes.keys()
    }


def _hardware(machine: Machine) -> tuple[object, ...]:
    return (machine.platform, machine.cpu, machine.memory_bytes, machine.cuda_devices)


def _target(suite: Suite, name: str) -> object:
    """What of a target decides how fast it is; None where the suite has none of this name."""
    return next(
        (
            (target.backend, target.artifact, target.requires, dict(target.options))
            for target in suite.targets
            if target.name == name
        ),
        None,
    )


def _same_scenarios(manifest: Manifest, plan: Plan) -> Iterator[str]:
    before = {scenario.name: scenario for scenario in manifest.plan.suite.scenarios}
    for scenario in plan.suite.scenarios:
        if before.get(scenario.name) == scenario:
            yield scenario.name


def _planned(plan: Plan, target: str) -> set[str]:
    """Scenarios that the target is to be measured on."""
    launches = (launch for launch in plan.launches if launch.target == target)
    return {name for launch in launches for name in launch.scenarios}
