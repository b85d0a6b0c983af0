"""A server that a target starts: ready when it says so, and ended with all it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from crossbench.envs.environment import Environment
from crossbench.worker.failure import WorkerFailed
from tests.conftest import ROOT, TINY, run_crossbench
from tests.openai.conftest import Start, Target
from tests.openai.scripted import Server, until

pytestmark = [pytest.mark.engine("openai")]
OWN = ROOT / "tests" / "openai" / "own.py"
KEEPER = ROOT / "plugins" / "crossbench-openai" / "crossbench_openai"


def command(folder: Path, *trick: str) -> list[str]:
    return ["{python}", str(OWN), "{port}", str(folder), *trick]


def pids(folder: Path) -> list[int]:
    return [int(pid) for pid in json.loads((folder / "pids.json").read_text())]


def alive(folder: Path) -> list[int]:
    return [pid for pid in pids(folder) if lives(pid)]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def failure(start: Start, **options: Any) -> tuple[str, Target]:
    target = start()
    with pytest.raises(WorkerFailed) as caught:
        target.load(options.pop("base_url", None), **options)
    assert caught.value.kind == "startup"
    return str(caught.value), target


def test_a_server_is_started_used_and_ended_with_its_children(start: Start, tmp_path: Path) -> None:
    target = start()
    loaded = target.load(None, command=command(tmp_path, "late"), environ={"GREETING": "hello"})
    assert loaded.loaded.settings["model"].value == "own"
    record = target.record(tokens=3)
    assert record.text == " is is is"
    assert len(alive(tmp_path)) == 2
    assert not (tmp_path / "farewell").exists()
    target.worker.end()
    assert alive(tmp_path) == []
    assert (tmp_path / "farewell").exists()
    environ = json.loads((tmp_path / "environ.json").read_text())
    assert environ["GREETING"] == "hello"
    assert not [name for name in environ if name.startswith("PYTHON")]
    assert "asked: /v1/completions" in target.log.read_text()


def test_a_server_outlives_no_worker_that_is_killed(start: Start, tmp_path: Path) -> None:
    target = start()
    target.load(None, command=command(tmp_path))
    assert len(alive(tmp_path)) == 2
    target.worker.kill()
    assert until(lambda: not alive(tmp_path))


def test_a_server_outlives_no_group_that_is_killed(start: Start, tmp_path: Path) -> None:
    """As the worker's guardian kills it when the host is gone."""
    target = start()
    target.load(None, command=command(tmp_path))
    os.killpg(target.worker.pid, signal.SIGKILL)
    assert until(lambda: not alive(tmp_path))


def test_a_server_that_ends_before_it_is_ready_is_told_with_its_status(
    start: Start, tmp_path: Path
) -> None:
    told, target = failure(start, command=command(tmp_path, "dies"))
    assert told.endswith(
        "ended with exit code 3 before it was ready; its own words are in this launch's log"
    )
    assert "no room for the model" in target.log.read_text()


def test_a_program_that_is_none_is_told(start: Start) -> None:
    told, target = failure(start, command=["no-such-program", "{port}"])
    assert "(no-such-program) ended with exit code 127" in told
    assert "cannot start no-such-program: No such file" in target.log.read_text()


def test_a_server_that_is_never_ready_is_ended(start: Start, tmp_path: Path) -> None:
    told, _ = failure(start, command=command(tmp_path, "never"), start_timeout_s=2.0)
    assert told.startswith("the server that command starts was not ready after 2 s")
    assert alive(tmp_path) == []


def test_an_address_in_use_is_no_place_for_a_server(
    start: Start, server: Server, tmp_path: Path
) -> None:
    told, _ = failure(start, base_url=server.url, command=command(tmp_path))
    assert told.startswith(f"something answers at {server.url} already; drop command")
    assert not (tmp_path / "pids.json").exists()


def test_a_stubborn_server_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); time.sleep(99)"
    code = "import keeper, sys; keeper.GRACE_S = 0.3; sys.exit(keeper.keep(sys.argv[1:]))"
    keeper = subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, "-c", stubborn],
        stdin=subprocess.PIPE,
        cwd=KEEPER,
        start_new_session=True,
    )
    assert keeper.stdin is not None
    time.sleep(0.5)
    keeper.stdin.close()
    assert keeper.wait(10) == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_signal_parts_a_keeper_from_its_server(number: signal.Signals) -> None:
    keeper = subprocess.Popen(
        [sys.executable, "keeper.py", sys.executable, "-c", "import time; time.sleep(1); exit(4)"],
        stdin=subprocess.PIPE,
        cwd=KEEPER,
        start_new_session=True,
    )
    time.sleep(0.5)
    keeper.send_signal(number)
    assert keeper.wait(10) == 4
    assert keeper.stdin is not None
    keeper.stdin.close()


def suite(folder: Path, **options: Any) -> Path:
    """A suite of one target that starts its server."""
    more = "".join(f", {name} = {json.dumps(value)}" for name, value in options.items())
    file = folder / "suite.toml"
    file.write_text(
        f'schema = 1\nname = "own"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        f'[targets.own]\nbackend = "openai"\nartifact = "{TINY}"\n'
        f"options = {{ command = {json.dumps(command(folder))}{more} }}\n"
        '[protocol]\nprofile = "quick"\nwarmups = 0\n'
        '[[scenarios]]\nname = "short"\nprompt_tokens = 16\noutput_tokens = 20\n'
    )
    return file


def test_a_program_of_the_suites_choosing_needs_trust(openai: Environment, tmp_path: Path) -> None:
    named = ["--python", f"openai={openai.python}"] if openai.how == "named" else []
    done = run_crossbench(tmp_path, "plan", suite(tmp_path), *named)
    assert "names a program to start (command)" in done.stdout
    assert "used only with --trust" in done.stdout
    done = run_crossbench(tmp_path, "plan", suite(tmp_path), "--trust", *named)
    assert done.returncode == 0, done.stderr
    assert "used only with --trust" not in done.stdout


@pytest.mark.slow
def test_a_key_is_in_no_file_of_a_run(
    openai: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_KEY", "s3cret-of-this-run")
    named = ["--python", f"openai={openai.python}"] if openai.how == "named" else []
    file = suite(tmp_path, api_key_env="OWN_KEY")
    done = run_crossbench(tmp_path, "run", file, "--trust", "--out", "run", *named)
    assert done.returncode == 0, done.stderr + done.stdout
    assert alive(tmp_path) == []
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert b"s3cret-of-this-run" not in path.read_bytes(), path
    assert "s3cret-of-this-run" not in done.stdout + done.stderr
