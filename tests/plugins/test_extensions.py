"""Probes and lint rules that break their promises are caught by the rule meant for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crossbench.api import ProbeSpec
from crossbench.plugins import extensions

CODE = """
import time
from crossbench.api import Channel, ProbeAbsent
CHANNEL = Channel(device="host", quantity="q", unit="", kind="gauge")
class Good:
    def open(self): return (CHANNEL,)
    def read(self): return (1.0,)
    def close(self): pass
class Absent(Good):
    def open(self): raise ProbeAbsent("no meter is plugged in")
class Untyped(Good):
    def open(self): raise OSError("no device")
class Strange(Good):
    def open(self): return ("q",)
class Mute(Good):
    def read(self): return ()
class Words(Good):
    def read(self): return ("one",)
class Hangs(Good):
    def close(self): time.sleep(60)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stranger_probes.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(extensions, "PROBE_S", 5.0)


def verdicts(name: str) -> dict[str, str]:
    spec = ProbeSpec(name="p", factory=f"stranger_probes:{name}")
    return {each.rule: each.verdict for each in extensions.of_probe(spec)}


def test_a_good_probe_keeps_every_rule() -> None:
    assert verdicts("Good") == {
        "it-opens": "holds",
        "it-reads-numbers": "holds",
        "it-ends": "holds",
    }


def test_nothing_to_read_is_no_fault() -> None:
    assert verdicts("Absent") == {"it-reads-numbers": "left out", "it-ends": "holds"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Untyped", "it-opens"),
        ("Strange", "it-opens"),
        ("Mute", "it-reads-numbers"),
        ("Words", "it-reads-numbers"),
        ("Hangs", "it-ends"),
    ],
)
def test_a_broken_probe_is_caught(name: str, rule: str) -> None:
    broken = [each for each, verdict in verdicts(name).items() if verdict == "broken"]
    assert broken == [rule]
