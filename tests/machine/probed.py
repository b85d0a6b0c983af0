"""Runs of the null engine beside which cards were read, as the stand-in plays them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from crossbench.api import Device
from crossbench.journal.events import LaunchReady
from crossbench.journal.folder import JOURNAL
from crossbench.journal.reader import read_events
from crossbench.report.build import build
from crossbench.report.model import Report
from tests.analysis.readings import CARD
from tests.conftest import TINY
from tests.machine.stand_in import SCRIPT, TWO_4090, card, put

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
GPU = Device(id=CARD, name="NVIDIA GeForce RTX 4090", kind="gpu")
LIMIT_S = 110


def begun(folder: Path, library: Path, script: Path, suite: str) -> subprocess.Popen[str]:
    """A run into `folder / "run"` that has been started, whose library plays the script."""
    file = folder / "probed.toml"
    file.write_text(suite)
    libraries = [str(library.parent), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    played = {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        SCRIPT: str(script),
        "CROSSBENCH_ENVS": str(folder / "envs"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "crossbench", "run", str(file), "--out", "run"],
        cwd=folder,
        env={**os.environ, **played},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> None:
    """Wait for it."""
    try:
        _, told = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    assert process.returncode == 0, told


def on_card(run: Path, folder: Path) -> Report:
    """The report of a copy of the run, had its target been on the first card."""
    shutil.copytree(run, folder)
    told = [
        replace(event, loaded=replace(event.loaded, devices=(GPU,)))
        if isinstance(event, LaunchReady)
        else event
        for event in read_events(run)
    ]
    lines = b"".join(msgspec.json.encode(event) + b"\n" for event in told)
    (folder / JOURNAL).write_bytes(lines)
    return build(folder)


@pytest.fixture(scope="session")
def run(nvml_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run beside which two cards were read."""
    folder = tmp_path_factory.mktemp("probed")
    put(folder / "nvml.txt", FACTS)
    finished(begun(folder, nvml_library, folder / "nvml.txt", SUITE))
    return folder / "run"
