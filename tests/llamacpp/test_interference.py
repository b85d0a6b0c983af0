"""What neighbours cost a real engine: some that take its core, and one on another."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import TINY, Crossbench

pytestmark = [pytest.mark.engine("llamacpp"), pytest.mark.slow]

SUITE = """
schema = 1
name = "neighbours"
[model]
name = "tiny"
tokenizer = "{tiny}"
[targets.front]
backend = "llamacpp"
artifact = "{tiny}/tiny-f16.gguf"
options = {{ threads = 1 }}
needs = {{ cpus = 1 }}
[protocol]
profile = "quick"
{scenarios}
"""
SCENARIO = """
[[scenarios]]
name = "{name}"
prompt_tokens = 64
output_tokens = 128
background = {{ command = ["{python}", "-c", "{code}"], settle_s = 0.5 }}
"""
ELSEWHERE = "while True: pass"
CROWD = (
    r"import os\nos.sched_setaffinity(0, {%d})\nfor _ in range(3): os.fork()\n"
    r"try: os.setsid()\nexcept OSError: pass\nwhile True: pass"
)
"""Eight that leave their place for this processor, each in a session, and so a share, of its own:
however busy the machine is otherwise, they take most of it."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds processes to processors")
@pytest.mark.usefixtures("no_process_left")
def test_neighbours_on_the_same_core_cost_most_of_the_speed_and_one_elsewhere_does_not(
    crossbench: Crossbench, llamacpp: Environment, tmp_path: Path
) -> None:
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        pytest.skip("a background needs a processor of its own, and this process may use one")
    scenarios = "".join(
        SCENARIO.format(name=name, python=sys.executable, code=code)
        for name, code in (("same", CROWD % usable[0]), ("other", ELSEWHERE))
    )
    path = tmp_path / "suite.toml"
    path.write_text(SUITE.format(tiny=TINY, scenarios=scenarios))
    done = crossbench(
        "run", path, "--out", "result", "--trust", "--python", f"llamacpp={llamacpp.python}"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "result" / "report.json").read_text())["interference"]
    found = {each["quiet"]: decode(each) for each in told}
    assert found["same-quiet"] < 0.6
    assert found["same-quiet"] < 0.8 * found["other-quiet"]
    (front,) = {tuple(each["places"][0]["cpus"]) for each in told}
    assert front == (usable[0],)


def decode(interference: dict[str, Any]) -> float:
    metrics = interference["comparison"]["metrics"]
    (ratio,) = (each["ratio"]["point"] for each in metrics if each["metric"] == "decode_tps")
    assert isinstance(ratio, float)
    return ratio
