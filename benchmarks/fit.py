"""Estimates from headers alone against what engines really allocate, as a table in markdown.

    python -m benchmarks.fit llamacpp [--python PATH]     one device, and two RPC servers
    python -m benchmarks.fit mlx [--python PATH]
    python -m benchmarks.fit vllm [--python PATH]

Models are of random shape and of zeros: what an engine allocates does not depend on its numbers.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec.structs import replace

from benchmarks.engine import Engine
from crossbench.envs import overlay
from crossbench.envs.environment import Environment
from crossbench.run.launch import environ
from tests.conftest import TINY
from tests.fit import allocated, cases, written
from tests.fit.allocated import Row
from tests.fit.cases import GQA, Case
from tests.llamacpp.servers import RpcServer

MIB = 2**20
HEADER = (
    "| model and options | device | estimated and allocated, MiB | largest error |\n"
    "| --- | --- | --- | ---: |"
)
SERVERS = 2


def main() -> None:
    """Print one engine's table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", choices=["llamacpp", "mlx", "vllm"])
    parser.add_argument("--python", type=Path, help="an interpreter that has the engine")
    given = parser.parse_args()
    engine = Engine.find(given.engine, given.python)
    overlay.lay(engine.spec)
    print(HEADER)
    tables = {"llamacpp": llamacpp, "mlx": mlx, "vllm": vllm}
    for name, rows in tables[given.engine](engine.environment):
        for device in dict.fromkeys(row.device for row in rows):
            print(line(name, [row for row in rows if row.device == device]), flush=True)


def line(name: str, rows: Sequence[Row]) -> str:
    """One device of one model."""
    told = ", ".join(f"{row.part} {_mib(row.estimated)} and {_mib(row.allocated)}" for row in rows)
    errors = [row.error for row in rows if row.allocated]
    largest = f"{100 * max(errors, key=abs):+.1f} %" if errors else ""
    return f"| {name} | {rows[0].device} | {told} | {largest} |"


def _mib(count: int | None) -> str:
    return "not told" if count is None else f"{count / MIB:.2f}"


def llamacpp(environment: Environment) -> Iterator[tuple[str, Sequence[Row]]]:
    """Shapes on the CPU, the tiny model, and shapes on two RPC servers."""
    for name, case in cases.ONE_DEVICE.items():
        with tempfile.TemporaryDirectory() as folder:
            artifact = written.gguf(Path(folder, "model.gguf"), case.model)
            yield name, allocated.llamacpp(case, environment, Path(folder), artifact)
    for kind in ("f16", "q8_0", "q4_k_m"):
        with tempfile.TemporaryDirectory() as folder:
            tiny = TINY / f"tiny-{kind}.gguf"
            yield (
                f"tiny, {kind}",
                allocated.llamacpp(Case(model=GQA), environment, Path(folder), tiny),
            )
    with tempfile.TemporaryDirectory() as logs, ExitStack() as started:
        servers = [
            started.enter_context(_server(environment, Path(logs, f"{number}.log")))
            for number in range(SERVERS)
        ]
        for name, case in cases.TWO_DEVICES.items():
            artifact = written.gguf(Path(logs, "model.gguf"), case.model)
            yield (
                f"two devices, {name}",
                allocated.llamacpp(case, environment, Path(logs), artifact, servers),
            )


@contextmanager
def _server(environment: Environment, log: Path) -> Iterator[str]:
    """The endpoint of an RPC server, which lives as long as the block."""
    server = RpcServer(environment.python, environ(environment), log, "--port", "0")
    try:
        endpoint = server.wait_for_endpoint()
        if endpoint is None:
            raise SystemExit(f"no RPC server: {server.said()}")
        yield endpoint
    finally:
        server.end()


def mlx(environment: Environment) -> Iterator[tuple[str, Sequence[Row]]]:
    """Shapes, and the tiny model in two formats."""
    for name, case in cases.FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            artifact = written.folder(Path(folder, "model"), case.model)
            yield name, allocated.mlx(case, environment, Path(folder), artifact)
    for name in ("tiny", "tiny-mlx-4bit"):
        with tempfile.TemporaryDirectory() as folder:
            case = Case(model=GQA, context_tokens=40)
            yield name, allocated.mlx(case, environment, Path(folder), TINY.parent / name)


def vllm(environment: Environment) -> Iterator[tuple[str, Sequence[Row]]]:
    """The tiny model, on one rank and on two, and shapes; it takes folders as MLX does."""
    options = {"enforce_eager": True, "kv_cache_gib": 0.125}
    for ranks in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            case = Case(
                model=GQA, options={"tensor_parallel_size": ranks, **options}, context_tokens=512
            )
            rows, _, _ = allocated.vllm(case, environment, Path(folder), TINY)
            yield f"tiny, {ranks} rank(s)", rows
    for name, case in cases.FOLDERS.items():
        if "kv_bits" not in case.options:
            with tempfile.TemporaryDirectory() as folder:
                artifact = written.folder(Path(folder, "model"), case.model)
                for file in TINY.glob("tokenizer*.json"):
                    shutil.copy(file, artifact)  # vLLM does not load without one
                rows, _, _ = allocated.vllm(
                    replace(case, options=options), environment, Path(folder), artifact
                )
                yield name, rows


if __name__ == "__main__":
    main()
