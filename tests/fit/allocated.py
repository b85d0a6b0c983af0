"""What an engine really allocates for a case, behind the real worker, beside its estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from crossbench.api import DeviceMemory, ModelRef, Needs, Request
from crossbench.envs.environment import Environment
from crossbench.fit.artifact import shape_of
from crossbench.fit.estimate import estimate
from crossbench.fit.footprint import DeviceRoom, Estimate, Footprint
from crossbench.headers.files import read_local
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, MemoryRead, ReadMemory, Ready
from crossbench.worker.supervisor import WorkerProcess
from tests.fit.cases import Case

CPU = "CPU"


class Row(Struct, frozen=True, kw_only=True):
    """One amount on one device."""

    device: str
    part: str
    estimated: int
    allocated: int | None
    """None where the engine does not tell."""

    @property
    def error(self) -> float:
        """The estimate's, as a share of what was allocated."""
        if not self.allocated:
            return 0.0 if not self.estimated else float("inf")
        return self.estimated / self.allocated - 1


class Engine:
    """A worker with a model loaded, which ends with the block."""

    def __init__(
        self,
        backend: str,
        environment: Environment,
        folder: Path,
        artifact: Path,
        options: Mapping[str, Any],
        needs: Needs,
    ) -> None:
        spec = Registry().backend(backend).spec
        self._process = WorkerProcess(
            python=environment.python,
            environ=environ(environment),
            log=folder / "worker.log",
            deadlines=Deadlines(load_s=600),
        )
        try:
            self.loaded = self._process.ask(
                Load(
                    factory=spec.factory,
                    options_type=spec.options,
                    options=dict(options),
                    model=ModelRef(path=str(artifact), name="model"),
                    needs=needs,
                    distributions=(),
                ),
                Ready,
            ).loaded
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()

    def memory(self) -> Mapping[str, DeviceMemory]:
        return self._process.ask(ReadMemory(), MemoryRead).memory

    def native(self, prompt: int, tokens: int) -> Mapping[str, float]:
        """What the engine tells of itself after one request."""
        request = Request(id="r", prompt_ids=(1,) * prompt, max_tokens=tokens)
        (record,) = self._process.ask(Measure(requests=(request,)), Measured).records
        assert record.finish is not None, record.failure
        return record.finish.native


def llamacpp(
    case: Case, environment: Environment, folder: Path, artifact: Path, servers: Sequence[str] = ()
) -> list[Row]:
    """Weights, KV cache and compute buffers of each device, by llama.cpp's own log."""
    options: dict[str, Any] = {"threads": 1, **case.options}
    if servers:
        options["rpc_servers"] = list(servers)
    needs = Needs(context_tokens=case.context_tokens, streams=case.streams)
    found = estimate("llamacpp", options, shape_of(read_local(artifact)), needs, [])
    assert found is not None
    with Engine("llamacpp", environment, folder, artifact, options, needs) as engine:
        memory = dict(engine.memory())
        devices = [device for device in engine.loaded.devices if device.kind != "cpu"]
    host = next(key for key in memory if key not in {device.id for device in devices})
    names = [*(device.id for device in devices), host]
    return [
        row
        for number, (footprint, name) in enumerate(zip(found.footprints, names, strict=True))
        for row in _rows(
            footprint if name == host else replace(footprint, device=f"device {number}"),
            memory[name],
        )
    ]


def _rows(footprint: Footprint, memory: DeviceMemory) -> list[Row]:
    told = {
        "weights": (footprint.weights.bytes, memory.weights_bytes),
        "kv": (footprint.kv.bytes, memory.kv_bytes),
        "compute": (footprint.compute.bytes, memory.compute_bytes),
    }
    return [
        Row(device=footprint.device, part=part, estimated=estimated, allocated=allocated)
        for part, (estimated, allocated) in told.items()
    ]


def mlx(case: Case, environment: Environment, folder: Path, artifact: Path) -> list[Row]:
    """Weights and KV cache as MLX counts them, and its peak while a prompt is computed."""
    tokens = 4
    needs = Needs(context_tokens=case.context_tokens, streams=case.streams)
    rooms = [DeviceRoom(name="host", kind="host")]
    found = estimate("mlx", case.options, shape_of(read_local(artifact)), needs, rooms)
    assert found is not None
    (footprint,) = found.footprints
    with Engine("mlx", environment, folder, artifact, case.options, needs) as engine:
        (memory,) = engine.memory().values()
        native = engine.native(case.context_tokens - tokens, tokens)
    kv = DeviceMemory(weights_bytes=memory.weights_bytes, kv_bytes=int(native["kv_bytes"]))
    peak = Row(
        device="host",
        part="peak",
        estimated=footprint.bytes,
        allocated=int(native["prefill_peak_bytes"]),
    )
    return [*_rows(footprint, kv)[:2], peak]


def vllm(
    case: Case, environment: Environment, folder: Path, artifact: Path
) -> tuple[list[Row], int, int | None]:
    """Weights and KV cache over all ranks; then tokens of the KV cache, estimated and real."""
    needs = Needs(context_tokens=case.context_tokens, streams=case.streams)
    found = estimate("vllm", case.options, shape_of(read_local(artifact)), needs, [])
    assert found is not None
    with Engine("vllm", environment, folder, artifact, case.options, needs) as engine:
        memory = engine.memory()
        capacity = engine.loaded.kv_capacity_tokens.value
    return over_ranks(found, memory.values()), found.kv_capacity_tokens, capacity


def over_ranks(found: Estimate, memory: Iterable[DeviceMemory]) -> list[Row]:
    """Weights and KV cache of all ranks together, as vLLM on the processor tells them."""
    told = tuple(memory)
    weights = sum(each.weights_bytes or 0 for each in told)
    kv = sum(each.kv_bytes or 0 for each in told)
    return [
        Row(
            device="host",
            part="weights",
            estimated=sum(each.weights.bytes for each in found.footprints),
            allocated=weights or None,
        ),
        Row(
            device="host",
            part="kv",
            estimated=sum(each.kv.bytes for each in found.footprints),
            allocated=kv or None,
        ),
    ]
