"""The fit of a suite's targets, as the plan tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.api import Needs
from crossbench.artifacts.whereabouts import Absent, Present
from crossbench.fit.footprint import DeviceRoom
from crossbench.fit.target import target_fit
from crossbench.lint.rules import findings
from crossbench.machine import rooms
from crossbench.suite.model import Target
from crossbench.suite.schema import TargetNeeds
from tests.conftest import ROOT, TINY, SuiteWriter, run_crossbench
from tests.plan.test_build import plan

NEEDS = Needs(context_tokens=1024)
GIB = 2**30


def host(free: int = 8 * GIB) -> DeviceRoom:
    return DeviceRoom(name="host", kind="host", total_bytes=16 * GIB, free_bytes=free)


def target(backend: str = "llamacpp", cuda: int = 0, **options: object) -> Target:
    return Target(
        name="t",
        base="t",
        backend=backend,
        artifact="a",
        variant=None,
        needs=TargetNeeds(cuda=cuda),
        options=options,
    )


HERE = Present(str(TINY / "tiny-f16.gguf"))


def test_a_model_that_is_here_fits_or_does_not() -> None:
    roomy = target_fit(target(), HERE, NEEDS, [host()])
    assert (roomy.fits, "fits, with up to 2,048 tokens" in roomy.verdict) == (True, True)
    assert "weights 8.0 MiB" in roomy.devices[0]
    tight = target_fit(target(), HERE, NEEDS, [host(2**20)])
    assert tight.fits is False
    assert "does not fit: host would hold" in tight.verdict


def test_devices_that_are_lacking_are_supposed() -> None:
    told = target_fit(target(cuda=2), HERE, NEEDS, [host()])
    assert told.fits is None
    assert "would take" in told.verdict
    assert "GPU 0" in told.verdict
    assert "GPU 1" in told.verdict


@pytest.mark.parametrize("place", [None, Absent("nowhere")])
def test_what_is_not_here_has_no_fit_yet(place: Absent | None) -> None:
    told = target_fit(target(), place, NEEDS, [host()])
    assert (told.fits, told.verdict) == (None, "fit unknown: its artifact is not here yet")


def test_what_cannot_be_told_says_why(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no model")
    broken = target_fit(target(), Present(str(tmp_path / "x.gguf")), NEEDS, [host()])
    assert broken.verdict.startswith("fit unknown: ")
    unknown = target_fit(target("null"), HERE, NEEDS, [host()])
    assert unknown.verdict == "fit unknown: backend null is not known"


def test_this_machine_has_rooms(suite: SuiteWriter, store: Path) -> None:
    seen = rooms.observe(plan(suite()).machine)
    assert seen[-1].name == "host"
    assert 0 < (seen[-1].free_bytes or 0) <= (seen[-1].total_bytes or 0)


def test_devices_are_asked_for_their_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suite: SuiteWriter, store: Path
) -> None:
    """A script stands for nvidia-smi; the second card's driver does not tell, as under WSL."""
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\nprintf '24564, 23000\\n24564, [N/A]\\n'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    first, second, _ = rooms.observe(plan(suite()).machine)
    assert (first.name, first.total_bytes, first.free_bytes) == (
        "GPU 0",
        24564 * 2**20,
        23000 * 2**20,
    )
    assert (second.total_bytes, second.free_bytes) == (24564 * 2**20, None)


def test_a_plan_tells_the_fit_of_every_target(tmp_path: Path) -> None:
    suite = ROOT / "suites" / "quickstart.toml"
    page = run_crossbench(tmp_path, "plan", suite).stdout
    assert "llamacpp-tiny-q4_k_m: fits, with up to 2,048 tokens of context" in page


def test_a_target_that_does_not_fit_is_a_finding(suite: SuiteWriter, store: Path) -> None:
    made = plan(suite())
    tight = target_fit(target(), HERE, NEEDS, [host(2**20)])
    (found,) = findings(replace(made, fits={"one": tight}))
    assert (found.rule, found.severity) == ("does-not-fit", "risk")
