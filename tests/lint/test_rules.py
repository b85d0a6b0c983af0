"""The host's own rules, on plans of the null engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Aspect
from crossbench.lint.rules import findings
from crossbench.plan.model import Plan
from tests.conftest import ROOT, SuiteWriter, run_crossbench
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


def test_findings_stand_in_the_plan_and_the_report_unless_ignored(
    suite: SuiteWriter, tmp_path: Path
) -> None:
    path = suite({"one": "context_tokens = 512", "two": "context_tokens = 1024"})
    page = run_crossbench(tmp_path, "plan", path).stdout
    assert "[context-unequal] unfair: one has 512, two has 1024; set the same context" in page
    assert run_crossbench(tmp_path, "run", path, "--out", "run").returncode == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert "**Known before it ran** (context-unequal, unfair): one has 512" in report
    quiet = run_crossbench(tmp_path, "plan", path, "--ignore", "context-unequal").stdout
    assert "context-unequal" not in quiet
