"""Load on real engines, from the command line to the report; vLLM's is in `suites/load.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.report.loads import curve
from crossbench.report.saved import read
from tests.conftest import TINY, run_crossbench
from tests.run.test_load import taken
from tests.run.test_run import samples
from tests.test_quickstart import on_engine

ARTIFACTS = {"llamacpp": TINY / "tiny-f16.gguf", "mlx": TINY}
OPTIONS = {"llamacpp": "threads = 1", "mlx": 'dtype = "float32"'}


@pytest.mark.usefixtures("no_process_left")
@pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=pytest.mark.engine(name)) for name in ARTIFACTS]
)
def test_users_of_an_engine_share_it(backend: str, tmp_path: Path) -> None:
    """All are answered whole and cold, on a session that was loaded for the most of them."""
    path = tmp_path / "suite.toml"
    path.write_text(
        f'schema = 1\nname = "load"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        f'[targets.one]\nbackend = "{backend}"\nartifact = "{ARTIFACTS[backend]}"\n'
        f"options = {{ {OPTIONS[backend]} }}\n"
        "[protocol]\nlaunches = 1\nrepeats = 1\nwarmups = 1\nburn_in = 0\nsentinel = false\n"
        '[[scenarios]]\nname = "users"\nprompt_tokens = 32\noutput_tokens = 20\n'
        "concurrency = [1, 4]\n"
        '[[scenarios]]\nname = "arriving"\nprompt_tokens = 32\noutput_tokens = 20\n'
        "rate = 20\nrequests = 12\nroom = 4\n"
    )
    done = run_crossbench(tmp_path, "run", path, "--out", "run", *on_engine(backend))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "run"
    assert [each.requests for each in taken(folder) if each.role == "timed"] == [4, 16, 12]
    for sample in samples(folder):
        assert sample.record.failure is None
        assert len(sample.record.token_ids or ()) == 20
    report = read(folder / "report.json")
    assert {cell.cache for scenario in report.scenarios for cell in scenario.cells} == {"cold"}
    loaded = report.targets[0].loaded
    assert loaded is not None
    assert loaded.settings["streams"].value == 4
    users, arriving = report.loads
    points = curve(report, users, "one")
    assert [point.level.level for point in points] == [1, 4]
    assert all((point.throughput.value or 0) > 5 for point in points)
    (level,) = arriving.curves[0].levels
    assert (level.requests, level.failed) == (12, 0)
