"""The host's own rules, on real plans: of the null engine, and of machines that are played."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Aspect
from crossbench.lint.conditions import conditions
from crossbench.lint.rules import findings
from crossbench.machine import facts, host, nvidia
from crossbench.machine.model import Medium, Storage
from crossbench.machine.reading import Reading
from crossbench.plan.model import Plan
from tests.called import call_crossbench
from tests.conftest import ROOT, TINY, SuiteWriter
from tests.lint import plans
from tests.lint.plans import found, planned, rules
from tests.machine.stand_in import (
    CLOCKS_SET,
    FAILING,
    THROTTLED,
    TWO_3090,
    TWO_4090,
    Play,
    card,
    system,
)
from tests.machine.test_published import mac
from tests.plan.test_build import plan

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def pair(suite: SuiteWriter) -> Plan:
    return plan(suite({"one": "", "two": ""}))


def told(made: Plan) -> list[tuple[str, str]]:
    return [(finding.rule, finding.evidence) for finding in findings(made)]


def with_aspect(made: Plan, aspect: Aspect, *values: Any) -> Plan:
    pairs = zip(made.targets, values, strict=True)
    return replace(made, targets=tuple(replace(t, aspects={aspect: v}) for t, v in pairs))


def test_equal_targets_give_no_finding(pair: Plan) -> None:
    assert told(pair) == []


def test_contexts_that_differ_are_named_with_their_values(suite: SuiteWriter) -> None:
    made = plan(suite({"one": "context_tokens = 512", "two": "context_tokens = 1024"}))
    assert told(made) == [("context-unequal", "one has 512, two has 1024")]


def test_a_context_left_to_the_plan_is_no_difference(pair: Plan) -> None:
    assert told(with_aspect(pair, "context", 512, None)) == []


@pytest.mark.parametrize(
    ("one", "two", "rules"),
    [
        ("f16", "q8_0", ["kv-dtype-unequal"]),
        ("f16", "float16", []),
        ("bf16", "float16", ["kv-dtype-unequal"]),
        ("q8_0", "auto", []),
    ],
)
def test_kv_types_are_held_side_by_side_whatever_engines_call_them(
    pair: Plan, one: str, two: str, rules: list[str]
) -> None:
    assert [rule for rule, _ in told(with_aspect(pair, "kv_dtype", one, two))] == rules


def test_a_prefix_cache_that_is_on_is_unfair(pair: Plan) -> None:
    (finding,) = findings(with_aspect(pair, "prefix_cache", False, True))
    assert (finding.rule, finding.severity, finding.targets) == (
        "prefix-cache",
        "unfair",
        ("two",),
    )


def test_first_requests_that_are_timed_are_unfair(suite: SuiteWriter, pair: Plan) -> None:
    cold = plan(suite({"one": ""}, protocol="launches = 1\nrepeats = 1\nwarmups = 0"))
    assert [rule for rule, _ in told(cold)] == ["no-warmup"]
    assert "no-warmup" not in [rule for rule, _ in told(pair)]


def test_two_artifacts_without_a_text_to_score_hide_what_fewer_bits_cost(
    suite: SuiteWriter,
) -> None:
    path = suite({"one": "", "two": ""})
    text = path.read_text()
    other = text.replace("config.json", "tokenizer.json", 1)
    path.write_text(other)
    assert [rule for rule, _ in told(plan(path))] == ["quality-unmeasured"]
    held_out = ROOT / "suites" / "quality" / "tiny-held-out.txt"
    path.write_text(f'{other}\n[quality]\ntext = "{held_out}"\nwindow = 64\n')
    assert told(plan(path)) == []


@pytest.mark.slow
def test_findings_stand_in_the_plan_and_the_report_unless_ignored(
    suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "context_tokens = 512", "two": "context_tokens = 1024"})
    page = call_crossbench(tmp_path, "plan", path).stdout
    assert "[context-unequal] unfair: one has 512, two has 1024; set the same context" in page
    assert call_crossbench(tmp_path, "run", path, "--out", "run").returncode == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert "**Known before it ran** (context-unequal, unfair): one has 512" in report
    quiet = call_crossbench(tmp_path, "plan", path, "--ignore", "context-unequal").stdout
    assert "context-unequal" not in quiet


def test_a_context_shorter_than_a_request_is_a_risk(tmp_path: Path) -> None:
    short = planned(plans.suite(tmp_path, {"llamacpp": "n_ctx = 30"}, variant="cpu"))
    finding = found(short, "context-short")
    assert finding.evidence == "a context of 30 tokens, and short needs 40"
    enough = planned(plans.suite(tmp_path, {"llamacpp": "n_ctx = 40"}, variant="cpu"))
    assert "context-short" not in rules(enough)


def test_bits_per_weight_are_those_of_the_headers(tmp_path: Path) -> None:
    targets = {"llamacpp-a": "", "llamacpp-b": ""}
    files = {"llamacpp-a": TINY / "tiny-f16.gguf", "llamacpp-b": TINY / "tiny-q8_0.gguf"}
    unlike = planned(plans.suite(tmp_path, targets, variant="cpu", artifacts=files))
    finding = found(unlike, "bits-per-weight-unequal")
    assert finding.severity == "unfair"
    assert finding.evidence.startswith(
        "llamacpp-a has 16.01, llamacpp-b has 8.51 bits per weight, as each file has it: "
    )
    alike = planned(plans.suite(tmp_path, targets, variant="cpu"))
    assert "bits-per-weight-unequal" not in rules(alike)


def test_unequal_bits_with_a_text_to_score_are_worth_a_note(tmp_path: Path) -> None:
    targets = {"llamacpp-a": "", "llamacpp-b": ""}
    files = {"llamacpp-a": TINY / "tiny-f16.gguf", "llamacpp-b": TINY / "tiny-q8_0.gguf"}
    text = ROOT / "suites" / "quality" / "tiny-held-out.txt"
    scored = f'[quality]\ntext = "{text}"\nwindow = 64\n'
    path = plans.suite(tmp_path, targets, variant="cpu", artifacts=files, more=scored)
    assert found(planned(path), "bits-per-weight-unequal").severity == "note"


def test_a_gpu_against_a_processor(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    path = plans.suite(tmp_path, {"llamacpp": "", "vllm": ""}, variant="cuda")
    assert "devices-unequal" not in rules(planned(path))
    text = path.read_text()
    path.write_text(text.replace('variant = "cuda"', 'variant = "cpu"', 1))
    finding = found(planned(path), "devices-unequal")
    assert finding.evidence == "llamacpp runs on cpu, vllm runs on cuda"


def test_what_runs_on_the_processor_is_not_held_against_the_cards(
    play: Play, tmp_path: Path
) -> None:
    play(THROTTLED)
    path = plans.suite(tmp_path, {"vllm": ""}, variant="cuda")
    full = planned(path)
    assert found(full, "does-not-fit").evidence.startswith("does not fit: GPU 0 would hold")
    path.write_text(path.read_text().replace('"cuda"', '"cpu"'))
    assert set(planned(path).fits["vllm"].needed_bytes) == {"host"}


def test_conditions_of_the_cards_concern_those_who_use_them(play: Play, tmp_path: Path) -> None:
    play(THROTTLED)
    path = plans.suite(tmp_path, {"llamacpp": "", "null": ""}, variant="cuda")
    plan = planned(path)
    busy = found(plan, "gpu-busy")
    assert (busy.severity, busy.targets) == ("unfair", ("llamacpp",))
    assert busy.evidence == (
        "GPU 0: 2 processes of others on it, 97 % busy, 21 GiB of its memory in use"
    )
    assert {"gpu-held-back", "power-limit", "compute-mode"} <= set(rules(plan))
    path.write_text(path.read_text().replace("cuda", "cpu"))
    assert "gpu-busy" not in rules(planned(path))


def test_clocks_that_somebody_has_set_are_named(play: Play, tmp_path: Path) -> None:
    """Heat and power hold clocks back; what a user has chosen is a setting."""
    play({**system(1), **card(0, reasons=CLOCKS_SET)})
    plan = planned(plans.suite(tmp_path, {"llamacpp": ""}, variant="cuda"))
    assert found(plan, "clocks-set").evidence == "GPU 0: clocks set by the user"
    assert "gpu-held-back" not in rules(plan)


def test_a_healthy_card_gives_no_finding(play: Play, tmp_path: Path) -> None:
    play({**system(1), **card(0)})
    plan = planned(plans.suite(tmp_path, {"llamacpp": ""}, variant="cuda"))
    assert not [rule for rule in rules(plan) if rule.startswith(("gpu", "power", "pcie"))]


def test_what_cards_are_to_each_other_is_left_to_the_rules_of_engines(
    play: Play, tmp_path: Path
) -> None:
    play({**TWO_3090, "0-1.p2p.0": 1, "0.nvlink.3": 0})
    plan = planned(plans.suite(tmp_path, {"llamacpp": ""}, variant="cuda"))
    told = {condition.rule for condition in conditions(plan.machine)}
    assert told >= {"no-peer-to-peer", "resizable-bar", "nvlink-inactive"}
    assert not {"no-peer-to-peer", "resizable-bar"} & set(rules(plan))
    assert "nvlink-inactive" in rules(plan)


def test_cards_of_different_nodes_are_named(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    for place, node in ((1, 0), (2, 1)):
        device = tmp_path / f"sys/bus/pci/devices/0000:{place:02x}:00.0"
        device.mkdir(parents=True)
        (device / "numa_node").write_text(f"{node}\n")
    reads = partial(nvidia.observe, root=tmp_path)
    found = {each.rule: each for each in conditions(facts.observe(devices=reads))}
    assert found["numa-apart"].evidence == "GPU 0 at NUMA node 0; GPU 1 at NUMA node 1"


@pytest.mark.parametrize("may", [True, False])
def test_energy_that_only_root_may_read_is_told_to_whoever_looks_after_the_machine(
    pair: Plan, may: bool
) -> None:
    plan = changed_host(pair, energy=Reading(may))
    told = [each.rule for each in conditions(plan.machine)]
    assert ("energy-hidden" in told) is not may
    assert "energy-hidden" not in [finding.rule for finding in findings(plan)]


def test_a_card_that_has_fallen_off_the_bus(play: Play, tmp_path: Path) -> None:
    play(FAILING)
    plan = planned(plans.suite(tmp_path, {"llamacpp": ""}, variant="cuda"))
    assert found(plan, "gpu-lost").evidence == "the NVIDIA driver says: GPU is lost"


def test_findings_of_the_machine_name_no_program(play: Play, tmp_path: Path) -> None:
    play(THROTTLED)
    plan = planned(plans.suite(tmp_path, {"llamacpp": ""}, variant="cuda"))
    for finding in plan.findings:
        assert "python3" not in finding.evidence
        assert "GPU-0a1b" not in finding.evidence


def changed_host(plan: Plan, **changes: Any) -> Plan:
    """The plan on a host that is as it should be, but for these changes."""
    calm = {"governors": Reading(("performance",)), "on_battery": Reading(False)}
    seen = replace(host.observe(), swap_used_bytes=0, **calm)
    return replace(plan, machine=replace(plan.machine, host=Reading(replace(seen, **changes))))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"governors": Reading(("performance", "powersave"))}, "cpu-governor"),
        ({"on_battery": Reading(True)}, "low-power"),
        ({"swap_used_bytes": 2**30}, "swap-used"),
    ],
)
def test_what_the_host_is_set_to(pair: Plan, changes: dict[str, Any], rule: str) -> None:
    assert told(changed_host(pair)) == []
    assert [name for name, _ in told(changed_host(pair, **changes))] == [rule]


def test_a_mac_that_saves_energy(pair: Plan) -> None:
    apple = mac("Apple M2 Max", 38).value
    assert apple is not None
    hot = replace(apple, low_power_mode=Reading(True), thermal_warning=Reading("limit 70 %"))
    there = replace(pair, machine=replace(pair.machine, apple=Reading(hot)))
    evidence = "low-power mode is on, macOS holds it back for heat (limit 70 %)"
    assert told(there) == [("low-power", evidence)]
    pressed = replace(apple, thermal_pressure=Reading("moderate"))
    there = replace(pair, machine=replace(pair.machine, apple=Reading(pressed)))
    assert told(there) == [("low-power", "its thermal pressure is moderate")]
    calm = replace(apple, thermal_pressure=Reading("nominal"))
    assert told(replace(pair, machine=replace(pair.machine, apple=Reading(calm)))) == []


@pytest.mark.parametrize(
    ("medium", "names"),
    [
        (Reading[Medium]("spinning disk"), ["slow-disk"]),
        (Reading[Medium]("network"), ["slow-disk"]),
        (Reading[Medium]("solid state"), []),
        (Reading[Medium](reason="unknown"), []),
    ],
)
def test_artifacts_on_slow_disks(pair: Plan, medium: Reading[Medium], names: list[str]) -> None:
    there = replace(pair, storage={"one": Storage(bytes=2**20, medium=medium)})
    assert [name for name, _ in told(there)] == names


def test_an_artifact_beyond_free_memory_is_read_from_disk_each_time(pair: Plan) -> None:
    large = Storage(bytes=2**50, medium=Reading("solid state"))
    roomy = changed_host(pair, memory_available_bytes=2**50)
    assert told(replace(roomy, storage={"one": large})) == []
    ((name, evidence),) = told(replace(changed_host(pair), storage={"one": large}))
    assert name == "reads-from-disk"
    assert "1 launch read it from disk each time" in evidence


def test_a_real_plan_knows_where_its_artifacts_lie(tmp_path: Path) -> None:
    plan = planned(plans.suite(tmp_path, {"null": ""}))
    assert plan.storage["null"].bytes == (TINY / "config.json").stat().st_size


def test_a_rule_is_ignored_by_its_name(tmp_path: Path) -> None:
    path = plans.suite(tmp_path, {"llamacpp": "n_ctx = 30"}, variant="cpu")
    assert "context-short" not in rules(planned(path, "context-short"))


def named_rules() -> set[str]:
    """The rules that the code of host and plugins names."""
    named = set()
    for file in (ROOT / "crossbench" / "lint").glob("*.py"):
        named |= set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', file.read_text()))
    for file in (ROOT / "plugins").glob("*/*/lint.py"):
        engine = file.parent.name.removeprefix("crossbench_")
        found = re.findall(r'finding\(\s*"([a-z-]+)"', file.read_text())
        named |= {f"{engine}-{rule}" for rule in found}
    return named


def test_every_rule_is_documented_and_tested() -> None:
    page = (ROOT / "docs" / "lint.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == named_rules()
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
    for rule in named_rules():
        short = rule.partition("-")[2]
        named = any(word in tests for word in (rule, f'"{short}"', f"{{backend}}-{short}"))
        assert named, f"{rule} has no test"
