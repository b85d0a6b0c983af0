"""The rules of our plugins, on real plans of machines that the driver's stand-in plays."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
from msgspec.structs import replace

import crossbench_mlx.lint
from crossbench.machine.reading import Reading
from crossbench.plan.model import Plan
from tests.conftest import TINY
from tests.lint.plans import found, planned, rules, suite
from tests.machine.stand_in import GIB, MIB, TWO_3090, TWO_4090, Facts, Play, card, system
from tests.machine.test_published import mac

ONE_4090: Facts = {**system(1), **card(0)}
UNTOLD: Facts = {key: value for key, value in TWO_4090.items() if "p2p" not in key}
pytestmark = pytest.mark.usefixtures("store")


def llamacpp(folder: Path, options: str, variant: str = "cuda") -> Plan:
    return planned(suite(folder, {"llamacpp": options}, variant=variant))


def vllm(folder: Path, options: str, variant: str = "cuda") -> Plan:
    return planned(suite(folder, {"vllm": options}, variant=variant))


@pytest.mark.parametrize(
    ("machine", "options", "told"),
    [
        (ONE_4090, "", []),
        (ONE_4090, "n_batch = 512, n_ubatch = 512", []),
        (TWO_4090, "", ["pipeline"]),
        (TWO_4090, 'split_mode = "none"', []),
        (TWO_4090, 'split_mode = "row"', ["row-split", "peer-to-peer"]),
        (TWO_4090, "n_batch = 512, n_ubatch = 512", ["pipeline", "no-overlap"]),
        (ONE_4090, "n_gpu_layers = 1", ["partial-offload"]),
        (ONE_4090, "n_gpu_layers = 99", []),
        (ONE_4090, "offload_kqv = false", ["kv-on-host"]),
        (ONE_4090, 'type_v = "q8_0"', ["value-type"]),
        (ONE_4090, 'rpc_servers = ["127.0.0.1:1"]', ["pipeline"]),
    ],
)
def test_llama_cpp_on_cuda(
    play: Play, tmp_path: Path, machine: Facts, options: str, told: list[str]
) -> None:
    play(machine)
    assert rules(llamacpp(tmp_path, options), "llamacpp-") == [f"llamacpp-{rule}" for rule in told]


def test_llama_cpp_on_the_processor_has_one_device(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    assert rules(llamacpp(tmp_path, "n_gpu_layers = 1", "cpu"), "llamacpp-") == []
    remote = 'rpc_servers = ["127.0.0.1:1", "127.0.0.1:2"], split_mode = "row"'
    assert rules(llamacpp(tmp_path, remote, "rpc"), "llamacpp-") == ["llamacpp-row-split"]


def test_a_tensor_split_of_heads_that_cuda_has_no_flash_attention_for(
    play: Play, tmp_path: Path
) -> None:
    """With flash_attn off the options themselves are refused; "auto" falls back to none."""
    play(TWO_3090)
    assert "llamacpp-tensor-flash" not in rules(llamacpp(tmp_path, 'split_mode = "tensor"'))
    count = b"llama.attention.head_count" + struct.pack("<I", 4)  # the type of a u32
    file = tmp_path / "narrow.gguf"
    told = (TINY / "tiny-f16.gguf").read_bytes()
    assert told.count(count) == 1
    file.write_bytes(told.replace(count + struct.pack("<I", 4), count + struct.pack("<I", 8)))
    artifacts = {"llamacpp": file}
    split = {"llamacpp": 'split_mode = "tensor"'}
    plan = planned(suite(tmp_path, split, variant="cuda", artifacts=artifacts))
    finding = found(plan, "llamacpp-tensor-flash")
    assert finding.severity == "risk"
    assert "its heads are 32 and 32 wide" in finding.evidence


def test_a_tensor_split_tells_what_the_driver_says_of_the_path(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    told = found(llamacpp(tmp_path, 'split_mode = "tensor"'), "llamacpp-peer-to-peer").evidence
    assert "no peer-to-peer access between the GPUs (chipset not supported)" in told
    play(TWO_3090)
    assert "llamacpp-peer-to-peer" not in rules(llamacpp(tmp_path, 'split_mode = "tensor"'))


@pytest.mark.parametrize(
    ("machine", "options", "told"),
    [
        (TWO_4090, "", []),
        (TWO_4090, "tensor_parallel_size = 2", ["peer-to-peer"]),
        (UNTOLD, "tensor_parallel_size = 2", ["peer-to-peer"]),
        (TWO_3090, "tensor_parallel_size = 2", []),
        (TWO_3090, "tensor_parallel_size = 2, disable_custom_all_reduce = true", ["path-off"]),
        (TWO_3090, "tensor_parallel_size = 2, nccl_p2p_disable = true", ["path-off"]),
        (TWO_4090, "tensor_parallel_size = 4", ["devices", "peer-to-peer"]),
        (TWO_4090, "tensor_parallel_size = 3", ["heads", "devices", "peer-to-peer"]),
        (TWO_4090, "pipeline_parallel_size = 64", ["layers", "devices"]),
        (TWO_4090, "enforce_eager = true", ["eager"]),
        (TWO_4090, "cpu_offload_gib = 2.5", ["partial-offload"]),
    ],
)
def test_vllm_on_cuda(
    play: Play, tmp_path: Path, machine: Facts, options: str, told: list[str]
) -> None:
    play(machine)
    assert rules(vllm(tmp_path, options), "vllm-") == [f"vllm-{rule}" for rule in told]


def test_only_the_path_between_the_ranks_cards_counts(play: Play, tmp_path: Path) -> None:
    """The third card has no bridge; two ranks leave it alone."""
    refused = {f"{pair}.p2p.{kind}": 1 for pair in ("0-2", "1-2") for kind in range(5)}
    play({**TWO_3090, **card(2), **refused, "count": 3})
    assert rules(vllm(tmp_path, "tensor_parallel_size = 2"), "vllm-") == []
    assert "vllm-peer-to-peer" in rules(vllm(tmp_path, "tensor_parallel_size = 3"))


def test_vllm_on_the_processor(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    eager = "enforce_eager = true, tensor_parallel_size = 2"
    assert rules(vllm(tmp_path, eager, "cpu"), "vllm-") == ["vllm-eager"]


def test_vllm_says_what_of_the_path_is_known(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    known = found(vllm(tmp_path, "tensor_parallel_size = 2"), "vllm-peer-to-peer").evidence
    assert "grants no peer-to-peer access between the GPUs (chipset not supported)" in known
    play(UNTOLD)
    unknown = found(vllm(tmp_path, "tensor_parallel_size = 2"), "vllm-peer-to-peer").evidence
    assert "does not tell whether" in unknown


@pytest.mark.parametrize(
    ("backend", "rule"),
    [("llamacpp", "llamacpp-format"), ("vllm", "vllm-format"), ("mlx", "mlx-format")],
)
def test_an_artifact_of_another_engines_format(tmp_path: Path, backend: str, rule: str) -> None:
    wrong = TINY if backend == "llamacpp" else TINY / "tiny-f16.gguf"
    plan = planned(suite(tmp_path, {backend: ""}, variant="cpu", artifacts={backend: wrong}))
    assert found(plan, rule).severity == "risk"


@pytest.mark.parametrize(("backend", "key"), [("vllm", "architectures"), ("mlx", "model_type")])
def test_a_model_that_the_engine_does_not_know(tmp_path: Path, backend: str, key: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns("*.gguf"))
    config = json.loads((folder / "config.json").read_text())
    config[key] = ["NovelForCausalLM"] if key == "architectures" else "novel"
    (folder / "config.json").write_text(json.dumps(config))
    plan = planned(suite(tmp_path, {backend: ""}, variant="cpu", artifacts={backend: folder}))
    assert "ovel" in found(plan, f"{backend}-architecture").evidence


def test_a_gguf_that_llama_cpp_does_not_know(tmp_path: Path) -> None:
    header = (TINY / "tiny-f16.gguf").read_bytes()
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(header.replace(b"llama", b"lhama"))
    artifacts = {"llamacpp": strange}
    plan = planned(suite(tmp_path, {"llamacpp": ""}, variant="cpu", artifacts=artifacts))
    assert "knows no lhama" in found(plan, "llamacpp-architecture").evidence


def on_a_mac(plan: Plan, needed: int, limit: int | None = 0) -> list[str]:
    """The rules of MLX for this plan on a Mac of 64 GiB; no Mac has run them."""
    apple = mac("Apple M2 Max", 38).value
    assert apple is not None
    apple = replace(apple, wired_limit_bytes=Reading(limit, None if limit is not None else "?"))
    machine = replace(plan.machine, memory_bytes=64 * GIB, apple=Reading(apple))
    fits = {name: replace(fit, needed_bytes={"GPU": needed}) for name, fit in plan.fits.items()}
    targets = tuple(replace(item, variant="metal") for item in plan.targets)
    there = replace(plan, machine=machine, fits=fits, targets=targets)
    return [finding.rule for finding in crossbench_mlx.lint.findings(there)]


def test_a_model_near_the_wired_limit(tmp_path: Path) -> None:
    plan = planned(suite(tmp_path, {"mlx": ""}))
    assert on_a_mac(plan, 40 * GIB) == []
    assert on_a_mac(plan, 45 * GIB) == ["mlx-wired-limit"]
    assert on_a_mac(plan, 45 * GIB, None) == ["mlx-wired-limit"]
    assert on_a_mac(plan, 45 * GIB, 56 * GIB) == []
    asked = planned(suite(tmp_path, {"mlx": f"wired_limit_mib = {56 * GIB // MIB}"}))
    assert on_a_mac(asked, 45 * GIB) == []
    assert on_a_mac(planned(suite(tmp_path, {"mlx": "wired_limit_mib = 0"})), GIB) == [
        "mlx-not-wired"
    ]


def test_mlx_options_that_make_it_another_comparison(tmp_path: Path) -> None:
    both = planned(suite(tmp_path, {"mlx": "kv_bits = 4", "llamacpp": ""}, variant="cpu"))
    assert "4 bits, those of other engines are f16" in found(both, "mlx-kv-bits").evidence
    alone = planned(suite(tmp_path, {"mlx": "kv_bits = 4, lookahead = false"}, variant="cpu"))
    assert rules(alone, "mlx-") == ["mlx-no-lookahead"]


def test_targets_of_other_backends_are_left_alone(play: Play, tmp_path: Path) -> None:
    play(TWO_4090)
    plan = planned(suite(tmp_path, {"null": ""}))
    assert not [rule for rule in rules(plan) if rule.startswith(("llamacpp", "vllm", "mlx"))]
