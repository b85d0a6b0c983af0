"""A run of the null engine beside which two cards were read, as the stand-in plays them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.machine.stand_in import SCRIPT, TWO_4090, card

SUITE = f"""schema = 1
name = "probed"
[model]
name = "tiny"
tokenizer = "{TINY}"
[targets.one]
backend = "null"
artifact = "{TINY / "config.json"}"
options = {{ ttft_s = 0.1, tpot_s = 0.01, load_s = 0.2 }}
[protocol]
profile = "quick"
launches = 2
repeats = 2
[[scenarios]]
name = "short"
prompt_tokens = 16
output_tokens = 24
"""
FACTS = {**TWO_4090, **card(0, pcie__width=8, power__limit=300_000)}


@pytest.fixture(scope="session")
def run(nvml_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run beside which two cards were read."""
    folder = tmp_path_factory.mktemp("probed")
    script, suite = folder / "nvml.txt", folder / "probed.toml"
    script.write_text("".join(f"{key} {value}\n" for key, value in FACTS.items()))
    suite.write_text(SUITE)
    libraries = [str(nvml_library.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    played = {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        SCRIPT: str(script),
        "CROSSBENCH_ENVS": str(folder / "envs"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "crossbench", "run", str(suite), "--out", "run"],
        cwd=folder,
        env={**os.environ, **played},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"
