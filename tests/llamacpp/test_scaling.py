"""suites/replicas-rpc.toml as shipped, shortened, on two servers of the test's own: replicas and
both splits stand in one table."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import ROOT, TINY, Crossbench

pytestmark = [
    pytest.mark.engine("llamacpp"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="the suite holds replicas to two processors",
    ),
]
SHORTER = {
    "models/tiny": str(TINY),
    "quality/tiny-held-out.txt": str(ROOT / "suites" / "quality" / "tiny-held-out.txt"),
    "launches = 4": "launches = 1",
    "concurrency = [2, 8]": "concurrency = 2",
    "requests = 48": "requests = 12",
}
CHOSEN = ("one-x1", "one-x2", "split-layer", "split-tensor")


def test_replicas_and_both_splits_stand_in_one_table(
    crossbench: Crossbench, llamacpp: Environment, two_devices: list[str], tmp_path: Path
) -> None:
    text = (ROOT / "suites" / "replicas-rpc.toml").read_text()
    shipped = ("127.0.0.1:50061", "127.0.0.1:50062")
    for old, new in (*SHORTER.items(), *zip(shipped, two_devices, strict=True)):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "suite.toml"
    path.write_text(text)
    chosen = [word for name in CHOSEN for word in ("--target", name)]
    python = f"llamacpp={llamacpp.python}"
    done = crossbench("run", path, "--out", "result", "--python", python, *chosen)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "result" / "report.json").read_text())
    (scaling,) = report["scaling"]
    assert (scaling["baseline"], scaling["unit"]) == ("one-x1", "processor")
    assert {row["target"]: (row["arrangement"], row["devices"]) for row in scaling["rows"]} == {
        "one-x1": ("1 replica", 1),
        "one-x2": ("2 replicas", 2),
        "split-layer": ("layer split over 2", 2),
        "split-tensor": ("tensor split over 2", 2),
    }
    without = {row["target"] for row in scaling["rows"] if row["efficiency"] is None}
    assert without == {"one-x1"}
