"""suites/http.toml as shipped, on a server that crossbench starts and ends itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import ROOT, engine, run_crossbench
from tests.openai import servers

pytestmark = [
    pytest.mark.engine("openai"),
    pytest.mark.engine("llamacpp"),
    pytest.mark.slow,
]
SHIPPED = ROOT / "suites" / "http.toml"
REQUIRES = 'requires = ["llama-cpp-python[server]==0.3.36"]\n'
BUILD = re.compile(r"^build = .*\n", re.MULTILINE)


def on_what_is_built(folder: Path) -> Path:
    """The suite with its server on the environment of llamacpp; the shipped one builds its own."""
    python = engine("llamacpp").python
    extras = folder / "extras"
    servers.install(extras, python)
    text = SHIPPED.read_text()
    assert text.count(REQUIRES) == text.count('"{python}"') == 1
    alike, again = BUILD.findall(text)
    assert alike == again
    text = BUILD.sub("", text).replace(REQUIRES, "").replace('"{python}"', json.dumps(str(python)))
    text = text.replace(
        "[targets.server.options]\n",
        f'[targets.server.options]\nenviron = {{ PYTHONPATH = "{extras}" }}\n',
    )
    for name in ("models", "prompts", "quality"):
        (folder / name).symlink_to(ROOT / "suites" / name)
    file = folder / "http.toml"
    file.write_text(text)
    return file


def test_the_shipped_suite_measures_a_server_that_it_started(
    openai: Environment, tmp_path: Path
) -> None:
    named = [
        word
        for backend, found in (("openai", openai), ("llamacpp", engine("llamacpp")))
        if found.how == "named"
        for word in ("--python", f"{backend}={found.python}")
    ]
    suite = on_what_is_built(tmp_path)
    done = run_crossbench(tmp_path, "run", suite, "--trust", "--out", "run", *named)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert not report["non_results"]
    assert {target["loaded"]["boundary"] for target in report["targets"]} == {"library", "http"}
    for scenario in report["scenarios"]:
        inside, behind = (
            {metric["name"]: metric["value"] for metric in cell["metrics"]}
            for cell in scenario["cells"]
        )
        assert behind["ttft_s"] > inside["ttft_s"]
        assert 0.05 < behind["decode_tps"] / inside["decode_tps"] < 1.2
