"""Pairs that are unfair on purpose, through the whole pipeline: journal, report, comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Boundary, Device, Fact, Finish, Parallelism
from crossbench.comparison.compare import Compared, Comparison
from crossbench.comparison.invariant import Held
from crossbench.comparison.rules import RULES
from crossbench.journal.events import SampleTaken
from crossbench.machine.model import Machine
from crossbench.machine.nvidia_model import Nvidia, NvidiaDevice, PcieLink, Power
from crossbench.machine.reading import Reading
from crossbench.report.markdown import page
from crossbench.report.model import Report
from crossbench.report.remarks import remarks
from crossbench.report.saved import Named
from crossbench.report.versus import Versus, versus
from crossbench.statistics.verdict import PRIMARY
from tests.comparison.scripted import LOADED, MACHINE, Script, report, settled
from tests.conftest import SuiteWriter

PROTOCOL = "launches = 6\nrepeats = 3\nwarmups = 0"
SCENARIO = '[[scenarios]]\nname = "chat"\nprompt_tokens = 300\noutput_tokens = 24\n'
FAIR = Script()


def held(comparison: Comparison, name: str) -> Held:
    (found,) = (each for each in comparison.held if each.name == name)
    return found


def metric(comparison: Comparison, name: str) -> Compared:
    (found,) = (each for each in comparison.metrics if each.metric == name)
    return found


def refused(comparison: Comparison) -> set[str]:
    return {each.metric for each in comparison.metrics if each.verdict == "refused"}


@pytest.fixture
def pair(tmp_path: Path, suite: SuiteWriter) -> Callable[..., Report]:
    """The report of target "b" as its script says, beside a fair "a" (the baseline)."""

    def made(script: Script, fair: Script = FAIR, comparison: str = "", **options: Any) -> Report:
        path = suite({"a": "", "b": ""}, protocol=PROTOCOL, scenarios=SCENARIO + comparison)
        return report(tmp_path / "run", path, {"a": fair, "b": script}, **options)

    return made


def test_the_fair_pair_has_no_confounder_and_ties(pair: Callable[..., Report]) -> None:
    (found,) = pair(Script()).comparisons
    assert found.confounders == ()
    assert [each.verdict for each in found.metrics] == ["tie"] * 3
    assert found.paired


GPUS = tuple(Device(id=f"GPU-{n}", name="RTX 4090", kind="gpu") for n in (1, 2))
FIRST = frozenset({"ttft_s", "prefill_tps"})
CONFOUNDED = [
    ("KV dtype", replace(LOADED, kv_dtype=Fact("q8_0", "log")), "q8_0", "f16"),
    ("context", replace(LOADED, context_tokens=Fact(4096, "api")), "4096 tokens", "512 tokens"),
    ("bits per weight", replace(LOADED, weight_bytes=Fact(625, "api")), 5.0, 16.0),
    ("threads", settled(threads=2), "2", "1"),
    ("threads", settled(threads_batch=2), "1, 2 in prefill", "1"),
    ("prefix cache", replace(LOADED, prefix_cache=Fact(True, "api")), "on", "off"),
    (
        "parallelism",
        replace(LOADED, parallelism=Fact(Parallelism.TENSOR, "log")),
        "tensor",
        "none",
    ),
    ("devices", replace(LOADED, devices=GPUS), "RTX 4090, RTX 4090", "CPU"),
    (
        "measurement boundary",
        replace(LOADED, boundary=Boundary.ASYNC_ENGINE),
        "async_engine",
        "library",
    ),
]


@pytest.mark.parametrize(("name", "loaded", "one", "other"), CONFOUNDED)
def test_a_difference_beyond_the_axis_is_named_beside_the_ratio(
    pair: Callable[..., Report], name: str, loaded: Any, one: Any, other: Any
) -> None:
    made = pair(Script(loaded=loaded))
    (found,) = made.comparisons
    assert held(found, name).effect == "confounder"
    assert (held(found, name).target, held(found, name).baseline) == (one, other)
    assert [each.name for each in found.confounders] == [name]
    assert refused(found) == set()
    assert metric(found, "decode_tps").ratio is not None
    assert f"{name} " in page.render(made).split("## Comparison")[1]


def other_ids(event: SampleTaken) -> SampleTaken:
    return replace(event, prompt_sha256=f"{event.prompt_sha256[::-1]}")


REFUSED = [
    ("prompt ids", Script(taken=other_ids), frozenset(PRIMARY)),
    ("prompt ids", Script(loaded=replace(LOADED, prompt="template")), frozenset(PRIMARY)),
    ("cache state", Script(cached=150), FIRST),
    (
        "speculative decoding",
        Script(loaded=settled(speculative="ngram")),
        frozenset({"decode_tps"}),
    ),
    ("measurement boundary", Script(loaded=replace(LOADED, boundary=Boundary.HTTP)), FIRST),
]


@pytest.mark.parametrize(("name", "script", "metrics"), REFUSED)
def test_what_makes_a_ratio_meaningless_refuses_it_by_name(
    pair: Callable[..., Report], name: str, script: Script, metrics: frozenset[str]
) -> None:
    made = pair(script)
    (found,) = made.comparisons
    measured = {each.metric for each in found.metrics if each.verdict != "unmeasured"}
    assert refused(found) == metrics & measured != set()
    for each in found.metrics:
        if each.verdict == "refused":
            assert each.ratio is None
            assert each.reason.startswith(f"{name}: ")
    assert "no ratio of" in page.render(made)


def stopped(event: SampleTaken) -> SampleTaken:
    """The model ended its answer after 20 tokens."""
    record = event.record
    cut = replace(
        record,
        stamps_ns=record.stamps_ns[:20],
        counts=record.counts[:20],
        token_ids=tuple(range(20)),
        finish=Finish(reason="stop", cached_prompt_tokens=0),
    )
    return replace(event, record=cut)


def test_answers_of_other_lengths_compare_by_token_only(pair: Callable[..., Report]) -> None:
    (found,) = pair(Script(taken=stopped), comparison="natural = true\n").comparisons
    produced = held(found, "tokens produced")
    assert (produced.target, produced.baseline) == (20.0, 24.0)
    assert RULES["tokens produced"].refuses == {"throughput_tps"}
    assert metric(found, "decode_tps").ratio is not None
    assert [each.name for each in found.confounders] == ["tokens produced"]


@pytest.mark.parametrize(
    ("axis", "script"),
    [
        ("cache", Script(cached=40)),
        ("speculative", Script(loaded=settled(speculative="ngram"))),
        ("boundary", Script(loaded=replace(LOADED, boundary=Boundary.HTTP))),
        ("kv", Script(loaded=replace(LOADED, kv_dtype=Fact("q8_0", "log")))),
        ("weights", Script(loaded=replace(LOADED, weight_bytes=Fact(625, "api")))),
    ],
)
def test_the_declared_axis_may_differ(
    pair: Callable[..., Report], axis: str, script: Script
) -> None:
    (found,) = pair(script, comparison=f'[comparison]\naxis = ["{axis}"]\n').comparisons
    assert refused(found) == set()
    assert found.confounders == ()
    assert {each.effect for each in found.held if each.state == "different"} == {"axis"}


def test_what_neither_or_only_one_tells_is_unknown_and_named(pair: Callable[..., Report]) -> None:
    made = pair(Script(loaded=replace(LOADED, kv_dtype=Fact(None, "log"))))
    (found,) = made.comparisons
    assert held(found, "KV dtype").state == "unknown"
    assert held(found, "KV dtype").effect == "none"
    assert "KV dtype" in found.unknown
    assert "not known of both: KV dtype" in page.render(made)


def test_an_unproven_cache_is_unknown_not_cold(pair: Callable[..., Report]) -> None:
    (found,) = pair(Script(cached=None)).comparisons
    assert held(found, "cache state").state == "unknown"
    assert metric(found, "prefill_tps").verdict == "unmeasured"


def gpu(number: int, watts: float, lanes: int = 16) -> NvidiaDevice:
    """One card as a machine tells it."""
    unknown: Reading[Any] = Reading(reason="not asked")
    return NvidiaDevice(
        name="NVIDIA GeForce RTX 4090",
        uuid=Reading(value=f"GPU-{number}"),
        pci_address=Reading(value=f"00000000:0{number}:00.0"),
        vbios=unknown,
        memory_total_bytes=unknown,
        memory_free_bytes=unknown,
        memory_used_bytes=unknown,
        bar1_bytes=unknown,
        resizable_bar=unknown,
        pcie=PcieLink(
            generation=unknown,
            most_generation=unknown,
            width=Reading(value=lanes),
            most_width=unknown,
        ),
        power=Power(
            limit_w=Reading(value=watts), default_w=unknown, least_w=unknown, most_w=unknown
        ),
        ecc=unknown,
        compute_mode=unknown,
        persistence=unknown,
        busy_percent=unknown,
        temperature_c=unknown,
        held_back=unknown,
        occupants=unknown,
    )


def cards(*devices: NvidiaDevice) -> Machine:
    told = Nvidia(
        driver=Reading(value="570"), cuda=Reading(value="12.8"), devices=devices, pairs=()
    )
    return replace(
        MACHINE, cuda_devices=tuple(each.name for each in devices), nvidia=Reading(value=told)
    )


@pytest.mark.parametrize("by", ["uuid", "pci address"])
def test_power_limits_and_links_apart_are_named(pair: Callable[..., Report], by: str) -> None:
    ids = ("GPU-1", "GPU-2") if by == "uuid" else ("0000:01:00.0", "0000:02:00.0")
    one, two = (
        Script(loaded=replace(LOADED, devices=(Device(id=each, name="RTX 4090", kind="gpu"),)))
        for each in ids
    )
    machine = cards(gpu(1, 450, lanes=16), gpu(2, 300, lanes=8))
    (found,) = pair(two, fair=one, machine=machine).comparisons
    assert (held(found, "power limit").target, held(found, "power limit").baseline) == (
        "300 W",
        "450 W",
    )
    assert (held(found, "link width").target, held(found, "link width").baseline) == ("x8", "x16")
    assert [each.name for each in found.confounders] == ["power limit", "link width"]


@pytest.mark.parametrize(("watts", "told"), [(450, "450 W"), (300, "300 W, 450 W")])
def test_two_cards_alike_are_no_other_limit_than_one(
    pair: Callable[..., Report], watts: int, told: str
) -> None:
    devices = tuple(Device(id=f"GPU-{each}", name="RTX 4090", kind="gpu") for each in (1, 2))
    one, both = (Script(loaded=replace(LOADED, devices=devices[:many])) for many in (1, 2))
    machine = cards(gpu(1, 450, lanes=8), gpu(2, watts, lanes=8))
    (found,) = pair(both, fair=one, machine=machine).comparisons
    assert (held(found, "power limit").target, held(found, "link width").target) == (told, "x8")
    confounders = {each.name for each in found.confounders}
    assert ("power limit" in confounders, "link width" in confounders) == (watts != 450, False)


# Two runs


@pytest.fixture
def runs(tmp_path: Path, suite: SuiteWriter) -> Callable[..., Versus]:
    """Run "new" against run "old", which differ as asked."""

    def made(
        *,
        scenario: str = SCENARIO,
        protocol: str = PROTOCOL,
        script: Script = FAIR,
        **options: Any,
    ) -> Versus:
        old = suite({"a": ""}, protocol=PROTOCOL, scenarios=SCENARIO, name="old")
        new = suite({"a": ""}, protocol=protocol, scenarios=scenario, name="new")
        reports = [
            report(tmp_path / "old", old, {"a": FAIR}),
            report(
                tmp_path / "new",
                new,
                {"a": script},
                **{"started": "2026-01-02T00:00:00Z", **options},
            ),
        ]
        one, other = (
            Named(written=name, report=each, target=None)
            for name, each in zip(("old", "new"), reports, strict=True)
        )
        return versus(one, other)

    return made


def test_the_same_again_ties_unpaired(runs: Callable[..., Versus]) -> None:
    found = runs()
    (comparison,) = found.comparisons
    assert not comparison.paired
    assert comparison.confounders == ()
    assert {each.verdict for each in comparison.metrics} == {"tie"}
    assert "two runs" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prompt ids", {"scenario": SCENARIO.replace("300", "301")}),
        ("prompt ids", {"protocol": f"{PROTOCOL}\nseed = 1"}),
        ("output length", {"scenario": SCENARIO.replace("24", "32")}),
        ("output length", {"scenario": f"{SCENARIO}natural = true\n"}),
        ("output length", {"scenario": f"{SCENARIO}forced = true\n"}),
    ],
)
def test_other_work_has_no_ratio_at_all(
    runs: Callable[..., Versus], name: str, options: dict[str, Any]
) -> None:
    (found,) = runs(**options).comparisons
    assert refused(found) == {"ttft_s", "prefill_tps", "decode_tps"}
    assert all(name in each.reason for each in found.metrics)
    told = [each.text for each in remarks([found], ["engine"])]
    assert told[0].startswith(f"no ratio of TTFT, prefill, decode: {name}: ")
    assert not [text for text in told if text.startswith("besides")]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "sampling",
            {"scenario": f"{SCENARIO}sampling = {{ temperature = 0.7, seed = 3 }}\n"},
        ),
        ("machine", {"machine": replace(MACHINE, cpu="Another CPU")}),
        ("protocol", {"protocol": PROTOCOL.replace("warmups = 0", "warmups = 3")}),
    ],
)
def test_what_two_runs_differ_in_is_named(
    runs: Callable[..., Versus], name: str, options: dict[str, Any]
) -> None:
    (found,) = runs(**options).comparisons
    assert [each.name for each in found.confounders] == [name]
    assert refused(found) == set()


def test_other_suites_are_said_to_be_others(runs: Callable[..., Versus]) -> None:
    notes = " ".join(runs().notes)
    assert "the suites are not the same (old, sha256" in notes
