"""One model over two RPC servers, which are two devices: as one device, and truly described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from crossbench.api import Parallelism
from crossbench.envs.environment import Environment
from tests.llamacpp.conftest import Serve, Start, listening
from tests.llamacpp.live import STRICT, Live
from tests.reference import Reference

pytestmark = pytest.mark.engine("llamacpp")

F32_CACHE = {"type_k": "f32", "type_v": "f32"}
LAYER, OUTPUT = 786_944, 524_544
"""Parameters of each of the four layers, and of what follows them."""
PROMPTS = [
    "<|bos|><|user|>What is the capital of France?<|end|>\n<|assistant|>",
    "<|bos|><|user|>What is 7 plus 5?<|end|>\n<|assistant|>",
    "<|bos|>The fox and the mouse",
]


class Split(NamedTuple):
    """A model that two devices share, and how near to f32 it computes."""

    live: Live
    tolerance: float
    parallelism: Parallelism


@pytest.fixture(scope="module", params=["layer", "tensor"])
def split(
    request: pytest.FixtureRequest,
    llamacpp: Environment,
    tmp_path_factory: pytest.TempPathFactory,
    model_f32: str,
    two_devices: list[str],
) -> Iterator[Split]:
    options: dict[str, Any] = {"split_mode": request.param, "rpc_servers": two_devices}
    options |= STRICT if request.param == "layer" else F32_CACHE
    live = Live(llamacpp, tmp_path_factory.mktemp(request.param), model_f32, **options)
    if request.param == "layer":
        yield Split(live, 5e-4, Parallelism.PIPELINE)
    else:
        yield Split(live, 2e-2, Parallelism.TENSOR)
    live.end()


def test_the_kind_and_the_devices_are_told(split: Split, two_devices: list[str]) -> None:
    loaded = split.live.ready.loaded
    assert loaded.parallelism.value is split.parallelism
    assert [device.id for device in loaded.devices] == two_devices
    assert {device.kind for device in loaded.devices} == {"other"}
    assert loaded.kv_dtype.value == "f32"
    assert loaded.settings["offloaded_layers"].value == "5/5"


def test_each_device_holds_its_part_of_weights_and_cache(
    split: Split, two_devices: list[str]
) -> None:
    layers = split.live.ready.loaded.settings["layers_by_device"].value
    memory = split.live.ready.memory
    assert set(two_devices) <= set(memory)
    held = [memory[device] for device in two_devices]
    if split.parallelism is Parallelism.PIPELINE:
        assert layers == dict(zip(two_devices, (3, 2), strict=True))
        assert sum(each.kv_bytes or 0 for each in held) == 4 * 2 * 128 * 4 * 512
        assert min(each.kv_bytes or 0 for each in held) == 2 * 128 * 4 * 512
        parts = [3 * LAYER, LAYER + OUTPUT]
    else:
        assert layers == dict.fromkeys(two_devices, 5)
        assert [each.kv_bytes for each in held] == [4 * 2 * 64 * 4 * 512] * 2
        parts = [(4 * LAYER + OUTPUT) // 2] * 2
    weights = [each.weights_bytes for each in held]
    assert weights == pytest.approx([4 * part for part in parts], rel=0.01)


def test_greedy_tokens_are_those_of_one_device(
    split: Split, strict: Live, reference: Reference
) -> None:
    for text in PROMPTS:
        prompt = split.live.tokenize(text)
        output = split.live.generate(prompt, 40)
        assert reference.astray(prompt, output, split.tolerance) == []
        assert output == strict.generate(prompt, 40)


@pytest.mark.parametrize("mode", ["layer", "tensor"])
def test_requests_at_once_give_what_they_give_on_one_device(
    mode: str, start: Start, serve: Serve, model_f32: str, strict: Live, reference: Reference
) -> None:
    servers = [server.endpoint for server in listening(serve, 2)]
    options: dict[str, Any] = {"split_mode": mode, "rpc_servers": servers}
    options |= STRICT if mode == "layer" else F32_CACHE
    live = start(model_f32, streams=3, **options)
    prompts = [live.tokenize(text) for text in PROMPTS]
    for prompt, output in zip(prompts, live.crowd(prompts, 24), strict=True):
        assert reference.astray(prompt, output, 2e-2) == []
        assert output == strict.generate(prompt, 24)


def test_scores_are_those_of_one_device(split: Split, strict: Live, reference: Reference) -> None:
    ids = split.live.tokenize("".join(PROMPTS))
    scores = [score.logprob for score in split.live.score(ids, 1)]
    alone = [score.logprob for score in strict.score(ids, 1)]
    assert scores == pytest.approx(alone, abs=split.tolerance)
    assert scores == pytest.approx(reference.given(ids, 1), abs=split.tolerance)
