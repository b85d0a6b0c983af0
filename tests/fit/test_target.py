"""The fit of a suite's targets, as the plan tells it."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from crossbench.api import Needs
from crossbench.artifacts.whereabouts import Headed, Unread
from crossbench.fit.footprint import DeviceRoom
from crossbench.fit.target import target_fit
from crossbench.headers.files import Folder, read_local
from crossbench.lint.rules import findings
from crossbench.machine import rooms
from crossbench.suite.model import Target
from crossbench.suite.tables.target import TargetNeeds
from tests.called import call_crossbench
from tests.conftest import ROOT, TINY, SuiteWriter
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


HERE = Headed(read_local(TINY / "tiny-f16.gguf"))


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


def test_a_target_is_held_against_as_many_cards_as_it_will_see() -> None:
    cards = [
        DeviceRoom(name=f"GPU {place}", kind="cuda", total_bytes=24 * GIB, free_bytes=23 * GIB)
        for place in range(3)
    ]
    for needed, seen in ((0, 3), (1, 1), (2, 2)):
        told = target_fit(target(cuda=needed), HERE, NEEDS, [*cards, host()])
        assert sum(name.startswith("GPU") for name in told.needed_bytes) == seen


def test_without_a_mac_it_is_said_which_would_do() -> None:
    wanted = replace(target("mlx"), needs=TargetNeeds(platform="macos-arm64"))
    header = Headed(read_local(TINY))
    told = target_fit(wanted, header, NEEDS, [host()])
    assert told.fits is None
    assert told.verdict.endswith("on GPU; a Mac with 1 GiB or more would do")
    mac = DeviceRoom(name="GPU", kind="metal", total_bytes=16 * GIB, free_bytes=9 * GIB)
    assert "would do" not in target_fit(wanted, header, NEEDS, [mac, host()]).verdict


def test_what_has_no_header_yet_says_why_and_what_would_help() -> None:
    told = target_fit(target(), Unread("the hub is gone"), NEEDS, [host()])
    assert (told.fits, told.traits) == (None, None)
    assert told.verdict == (
        "fit unknown: the hub is gone; --artifact TARGET=PATH names a copy that lies elsewhere"
    )


def test_a_header_read_before_is_said_to_be_that() -> None:
    told = target_fit(target(), Headed(HERE.header, "read before"), NEEDS, [host()])
    assert told.fits
    assert told.verdict.endswith(" (read before)")


def test_what_cannot_be_told_says_why() -> None:
    nothing = Headed(Folder(config=b"{}", tensors=()))
    broken = target_fit(target(), nothing, NEEDS, [host()])
    assert broken.verdict.startswith("fit unknown: config.json names no num_hidden_layers")
    unknown = target_fit(target("null"), HERE, NEEDS, [host()])
    assert unknown.verdict == "fit unknown: crossbench has no estimate for backend null"
    assert unknown.traits is not None


def test_the_memory_of_a_server_is_its_own() -> None:
    nothing = Headed(Folder(config=b"{}", tensors=()))
    running = target("openai", base_url="http://127.0.0.1:1/v1")
    started = target("openai", command=("serve",))
    for read, known in ((HERE, True), (nothing, False), (Unread("the hub is gone"), False)):
        told = target_fit(running, read, NEEDS, [host(2**20)])
        assert (told.fits, told.devices, told.traits is not None) == (None, (), known)
        assert told.verdict.startswith("fit unknown: its server runs already and has the model")
    told = target_fit(started, HERE, NEEDS, [host(2**20)])
    assert told.verdict == (
        "fit unknown: the server that crossbench starts for it takes memory here, how much is "
        "decided by the server's own settings"
    )


def test_this_machine_has_rooms(suite: SuiteWriter, store: Path) -> None:
    seen = rooms.observe(plan(suite()).machine)
    assert seen[-1].name == "host"
    assert 0 < (seen[-1].free_bytes or 0) <= (seen[-1].total_bytes or 0)


def test_a_plan_tells_the_fit_of_every_target(tmp_path: Path) -> None:
    suite = ROOT / "suites" / "quickstart.toml"
    page = call_crossbench(tmp_path, "plan", suite).stdout
    assert "llamacpp-tiny-q4_k_m: fits, with up to 2,048 tokens of context" in page


def test_a_target_that_does_not_fit_is_a_finding(suite: SuiteWriter, store: Path) -> None:
    made = plan(suite())
    tight = target_fit(target(), HERE, NEEDS, [host(2**20)])
    (found,) = findings(replace(made, fits={"one": tight}))
    assert (found.rule, found.severity) == ("does-not-fit", "risk")
