"""The engine lives in another interpreter: these fixtures run a probe there and bring back JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from crossbench.envs import overlay
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from tests.conftest import ROOT, TINY, engine
from tests.llamacpp.live import STRICT, Live
from tests.llamacpp.servers import NO_RPC, RpcServer
from tests.reference import Reference

PLUGIN = ROOT / "plugins" / "crossbench-llamacpp"

Probe: TypeAlias = Callable[..., Any]


@pytest.fixture(scope="session")
def llamacpp() -> Environment:
    """Where a worker has llama-cpp-python: an interpreter named, or the environment built."""
    overlay.lay(Registry().backend("llamacpp").spec)
    return engine("llamacpp")


@pytest.fixture(scope="session")
def llamacpp_python(llamacpp: Environment) -> str:
    """Its interpreter, which has msgspec and numpy too."""
    return str(llamacpp.python)


@pytest.fixture(scope="session")
def probe(llamacpp_python: str) -> Probe:
    """Call a function of `probes`, or "peeks.NAME", in the engine's interpreter."""

    def call(name: str, **arguments: Any) -> Any:
        outcome = run_probe(llamacpp_python, name, arguments)
        assert outcome.returncode == 0, outcome.stderr[-4000:]
        return json.loads(outcome.stdout)

    return call


def run_probe(
    interpreter: str, name: str, arguments: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, (ROOT, PLUGIN)))
    module, _, function = name.rpartition(".")
    return subprocess.run(
        [
            interpreter,
            "-m",
            f"tests.llamacpp.{module or 'probes'}",
            function,
            json.dumps(arguments),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="session")
def model() -> str:
    return str(TINY / "tiny-f16.gguf")


@pytest.fixture(scope="session")
def reference() -> Reference:
    """The tiny model's forward pass in float64."""
    return Reference(TINY)


Start = Callable[..., Live]


@pytest.fixture
def start(llamacpp: Environment, tmp_path: Path, model: str) -> Iterator[Start]:
    """Starts a worker with these options; it ends with the test."""
    with ExitStack() as started:

        def launch(path: str = model, **options: Any) -> Live:
            live = Live(llamacpp, tmp_path, path, **options)
            started.callback(live.end)
            return live

        yield launch


@pytest.fixture(scope="session")
def model_f32(probe: Probe, model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same numbers in f32: by f16 weights llama.cpp multiplies in f16."""
    path = str(tmp_path_factory.mktemp("f32") / "tiny-f32.gguf")
    probe("peeks.widened", model=model, path=path)
    return path


@pytest.fixture(scope="session")
def strict(
    llamacpp: Environment, tmp_path_factory: pytest.TempPathFactory, model_f32: str
) -> Iterator[Live]:
    """A worker on one device that computes in f32."""
    live = Live(llamacpp, tmp_path_factory.mktemp("strict"), model_f32, **STRICT)
    yield live
    live.end()


Serve = Callable[..., RpcServer]


@pytest.fixture(scope="session")
def serve(llamacpp: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts an RPC server with these arguments; it ends with the session at the latest."""
    with ExitStack() as started:

        def launch(*arguments: str) -> RpcServer:
            log = tmp_path_factory.mktemp("rpc") / "server.log"
            server = RpcServer(llamacpp.python, environ(llamacpp), log, *arguments)
            started.callback(server.end)
            return server

        first = launch("--port", "0")
        if first.wait_for_endpoint() is None:
            if NO_RPC in first.said() and not os.environ.get("CROSSBENCH_REQUIRE_ENGINES"):
                pytest.skip("this build of llama.cpp has no RPC backend")
            pytest.fail(first.said())
        first.end()
        yield launch


def listening(serve: Serve, count: int) -> list[RpcServer]:
    """Servers on free ports, each with its endpoint at hand."""
    servers = [serve("--port", "0") for _ in range(count)]
    for server in servers:
        assert server.wait_for_endpoint(), server.said()
    return servers


@pytest.fixture(scope="session")
def two_devices(serve: Serve) -> list[str]:
    """The endpoints of two RPC servers on loopback, which are two devices without a GPU."""
    return [server.endpoint for server in listening(serve, 2)]
