"""Closing a stream early is how a server learns that nobody listens any more."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from crossbench.envs.environment import Environment
from tests.conftest import ROOT, TINY
from tests.openai.scripted import Server, event, words

pytestmark = [pytest.mark.engine("openai")]


def test_an_abandoned_stream_closes_its_connection(openai: Environment, server: Server) -> None:
    server.says(event(words(" is")), 30.0, event(words(" cold")))
    path = os.pathsep.join(map(str, (ROOT, ROOT / "plugins" / "crossbench-openai")))
    done = subprocess.run(
        [openai.python, "-W", "error", "-m", "tests.openai.probes", server.url, TINY],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["text"], told["memory"]) == (" is", {})
    assert told["seconds"] < 1
    assert server.dropped.wait(5)
