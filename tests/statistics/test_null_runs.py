"""What `benchmarks.null_runs` reads from a run's folder, on a real run of the null engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.null_runs import judged, line, table
from tests.conftest import Crossbench, SuiteWriter


@pytest.mark.slow
@pytest.mark.usefixtures("store", "no_process_left")
def test_a_null_run_is_judged_from_its_folder(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    script = "ttft_s = 0.02, tpot_s = 0.002"
    path = suite({"a": script}, protocol="launches = 3\nrepeats = 1\nwarmups = 0")
    done = crossbench("run", path, "--null-test", "--out", "result")
    assert done.returncode == 0, done.stderr
    found = judged(tmp_path / "result")
    assert set(found) >= {"ttft_s", "decode_tps"}
    for each in found.values():
        assert each.ratio.n == 3
        assert each.ratio.paired
        assert each.verdict in ("tie", "inconclusive", "faster", "slower")
    assert "ttft_s" in line(found)
    shown = table([found, found])
    assert "| `ttft_s` | 2 |" in shown
    assert "of 2 runs name a winner" in shown
