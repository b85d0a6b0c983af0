"""RPC servers that share a model, or fail to, each failure typed, in time, and told in words."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from crossbench.api import DeviceMemory, Parallelism, Request
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Measure, Measured
from crossbench.worker.pulse import Beat, Phase
from tests.conftest import TINY
from tests.llamacpp.conftest import Probe, Serve, Start, listening

pytestmark = pytest.mark.engine("llamacpp")


def test_shares_decide_who_holds_what(start: Start, two_devices: list[str]) -> None:
    live = start(rpc_servers=two_devices, tensor_split=[0, 1])
    assert [device.id for device in live.ready.loaded.devices] == two_devices[1:]
    assert live.ready.loaded.parallelism.value is Parallelism.NONE
    live.end()
    live = start(rpc_servers=two_devices[::-1], split_mode="none", main_gpu=1)
    assert [device.id for device in live.ready.loaded.devices] == two_devices[:1]


def test_what_the_smaller_part_of_a_tensor_split_holds_is_not_guessed(
    start: Start, two_devices: list[str]
) -> None:
    ready = start(rpc_servers=two_devices, split_mode="tensor", tensor_split=[3, 1]).ready
    larger, smaller = (ready.memory[device] for device in two_devices)
    assert larger.weights_bytes == pytest.approx(0.75 * 2 * 3_672_320, rel=0.01)
    assert smaller == DeviceMemory()
    assert ready.loaded.parallelism.value is Parallelism.TENSOR


def refusal(start: Start, **options: Any) -> tuple[str, str]:
    with pytest.raises(WorkerFailed) as failure:
        start(**options)
    return failure.value.kind, str(failure.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split_mode": "row"}, "does not support split buffers"),
        ({"split_mode": "tensor", "flash_attn": "off"}, "split_mode tensor needs flash attention"),
        ({"tensor_split": [1, 1, 1]}, "tensor_split names 3 GPUs"),
        ({"split_mode": "none", "main_gpu": 2}, "main_gpu is 2"),
    ],
)
def test_modes_that_these_devices_cannot_do_are_unsupported(
    start: Start, two_devices: list[str], options: dict[str, Any], said: str
) -> None:
    kind, message = refusal(start, rpc_servers=two_devices, **options)
    assert (kind, said in message) == ("unsupported", True), message


def test_a_cut_that_llama_cpp_gives_up_on_is_unsupported_and_says_why(
    start: Start, two_devices: list[str]
) -> None:
    # Rows of 256 in blocks of 256 cannot be halved.
    quantised = str(TINY / "tiny-q4_k_m.gguf")
    kind, message = refusal(start, path=quantised, rpc_servers=two_devices, split_mode="tensor")
    assert kind == "unsupported"
    assert f"gave up on loading {quantised}: ggml-backend.cpp:" in message
    assert "tensor write out of bounds" in message
    assert start(quantised, rpc_servers=two_devices).generate([1, 2], 3)


def test_one_server_under_two_names_is_unsupported(start: Start, two_devices: list[str]) -> None:
    alias = two_devices[0].replace("127.0.0.1", "localhost")
    kind, message = refusal(start, rpc_servers=[two_devices[0], alias])
    assert (kind, f"{two_devices[0]} and {alias}" in message) == ("unsupported", True), message


def test_a_build_without_rpc_says_which_has_it(probe: Probe) -> None:
    kind, message = probe("peeks.lacking", function="ggml_backend_rpc_of_tomorrow")
    assert kind == "Unsupported"
    assert "has no RPC backend; use one that is compiled with GGML_RPC=ON" in message
    assert 'variant = "rpc"' in message


@pytest.mark.usefixtures("serve")
def test_a_server_that_cannot_be_reached_is_told_at_once(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = f"127.0.0.1:{gone.getsockname()[1]}"
    kind, message = refusal(start, rpc_servers=[where])
    assert (kind, f"no RPC server can be reached at {where}" in message) == ("startup", True)


def test_a_busy_server_ends_the_wait(start: Start, serve: Serve) -> None:
    (server,) = listening(serve, 1)
    start(rpc_servers=[server.endpoint])
    began = time.monotonic()
    kind, message = refusal(start, rpc_servers=[server.endpoint])
    assert (kind, "another may be using it" in message) == ("startup", True), message
    assert time.monotonic() - began < 40
    server.end()


def test_a_server_killed_while_it_works_costs_the_launch_and_is_named(
    start: Start, serve: Serve
) -> None:
    servers = listening(serve, 2)
    live = start(rpc_servers=[server.endpoint for server in servers])

    def kill_once_it_streams(beat: Beat) -> None:
        if beat.phase is Phase.STREAMING:
            servers[1].process.kill()

    requests = tuple(
        Request(id=str(number), prompt_ids=(0, 9), max_tokens=400) for number in range(20)
    )
    began = time.monotonic()
    with pytest.raises(WorkerFailed) as failure:
        live.process.ask(Measure(requests=requests), Measured, kill_once_it_streams)
    assert time.monotonic() - began < 40
    assert failure.value.kind == "crash"
    assert "llama.cpp gave up: ggml-rpc.cpp:" in str(failure.value)
    assert "Remote RPC server crashed" in str(failure.value)
    servers[0].end()
