"""Real servers on the tiny model: started, waited for, used, and ended with all they started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from crossbench.envs import uv
from tests.conftest import TINY, engine

EXTRAS = (
    "fastapi",
    "pydantic-settings",
    "PyYAML",
    "sse-starlette",
    "starlette-context",
    "uvicorn",
)
"""What llama-cpp-python's server needs besides the engine: its extra named `server`."""
VLLM_ENVIRON = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
VLLM_ARGUMENTS = (
    "--served-model-name tiny --dtype float32 --enforce-eager --max-model-len 512 --max-num-seqs 4 "
    "--no-enable-prefix-caching --enable-prompt-tokens-details --host 127.0.0.1"
)
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def llama_cpp(folder: Path) -> Iterator[str]:
    """`python -m llama_cpp.server`; its address. One answer at a time, the next one waits."""
    python = engine("llamacpp").python
    extras = folder / "extras"
    install(extras, python)
    model = TINY / "tiny-f16.gguf"
    port = _free_port()
    command = [str(python), "-m", "llama_cpp.server", "--model", str(model), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--n_ctx", "512", "--n_threads", "1", "--n_threads_batch", "1"]
    command += ["--interrupt_requests", "false", "--verbose", "false"]
    with _serving(command, {"PYTHONPATH": str(extras)}, port, folder / "log", 60):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def vllm(folder: Path) -> Iterator[str]:
    """`vllm serve` on the CPU; its address.

    Its command asks for the version of a distribution named vllm, which that for the CPU is not,
    so one of that name is put beside it.
    """
    found = engine("vllm")
    version = found.versions.get("vllm") or f"{found.versions['vllm-cpu']}+cpu"
    named = folder / "named" / "vllm-0.dist-info"
    named.mkdir(parents=True)
    (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    port = _free_port()
    command = [str(found.python.with_name("vllm")), "serve", str(TINY), "--port", str(port)]
    environ = VLLM_ENVIRON | {"PYTHONPATH": str(named.parent)}
    with _serving([*command, *VLLM_ARGUMENTS.split()], environ, port, folder / "log", 240):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def mlx_lm(folder: Path) -> Iterator[str]:
    """`mlx_lm.server`; its address. It lists what lies in the hub's cache too, so that is empty."""
    cache = folder / "hub"
    cache.mkdir()
    port = _free_port()
    command = [str(engine("mlx").python), "-m", "mlx_lm", "server", "--model", str(TINY)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--prompt-cache-size", "0"]
    environ = {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    with _serving(command, environ, port, folder / "log", 60):
        yield f"http://127.0.0.1:{port}/v1"


def ask(url: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that answers, without the plugin."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with _direct.open(request, timeout=30) as response:
        return json.load(response)


def page(url: str) -> str:
    with _direct.open(url, timeout=30) as response:
        return str(response.read().decode())


def install(folder: Path, python: Path) -> None:
    """Put there what llama-cpp-python's server needs besides."""
    lines: list[str] = []
    folder.mkdir()
    arguments = ["pip", "install", "--target", str(folder), "--python", str(python), *EXTRAS]
    deadline = time.monotonic() + 90
    status = uv.run(arguments, project=folder, on_line=lines.append, deadline=deadline)
    assert status == 0, "\n".join(lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(
    command: Sequence[str], environ: Mapping[str, str], port: int, log: Path, seconds: float
) -> Iterator[None]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=log.parent,
            env=inherited | {"OMP_NUM_THREADS": "1"} | dict(environ),
            start_new_session=True,
        )
    try:
        _wait(process, port, log, seconds)
        yield
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            ask(f"http://127.0.0.1:{port}/v1/models")
            return
        time.sleep(0.2)
    pytest.fail(f"no server after {seconds} s:\n{log.read_text(errors='replace')[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to go, then end its whole group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
