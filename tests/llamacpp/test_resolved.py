"""The load log's facts.

CPU, RPC_LAYERS and RPC_TENSOR were printed by llama.cpp 0.5 (the latter two with two RPC servers as
devices), shortened. CUDA_LAYERS is made up of the formats in its source, for want of two GPUs.
"""

from __future__ import annotations

import pytest

from crossbench.api import DeviceMemory, Parallelism
from crossbench_llamacpp import resolved
from crossbench_llamacpp.options import LlamaCppOptions, SplitMode

MIB = 1024 * 1024

CPU = """\
llama_model_loader: - kv   2:                       llama.context_length u32              = 8192
load_tensors: loading model tensors, this can take a while... (load_mode = mmap)
load_tensors: layer   0 assigned to device CPU, is_swa = 0
load_tensors: layer   1 assigned to device CPU, is_swa = 0
load_tensors: layer   2 assigned to device CPU, is_swa = 0
load_tensors: layer   3 assigned to device CPU, is_swa = 0
load_tensors: layer   4 assigned to device CPU, is_swa = 0
done_getting_tensors: tensor 'token_embd.weight' (f16) (and 38 others) cannot be used with \
preferred buffer type CPU_REPACK, using CPU instead
load_tensors:   CPU_Mapped model buffer size =     6.32 MiB
llama_context: n_ctx                 = 3072
llama_context: flash_attn            = auto
llama_context:        CPU  output buffer size =     0.25 MiB
llama_kv_cache:        CPU KV buffer size =     6.00 MiB
llama_kv_cache: size =    6.00 MiB (  3072 cells,   4 layers,  1/1 seqs), \
K (f16):    3.00 MiB, V (f16):    3.00 MiB
resolve_fused_ops: Flash Attention enabled
resolve_fused_ops: fused DeepSeek V4 HC post enabled
sched_reserve:        CPU compute buffer size =     9.51 MiB
""".splitlines()

CUDA_OPENED = """\
llama_prepare_model_devices: using device CUDA0 (NVIDIA GeForce RTX 4090) (0000:01:00.0) - 23689 \
MiB free
llama_prepare_model_devices: using device CUDA1 (NVIDIA GeForce RTX 4090) (0000:02:00.0) - 23689 \
MiB free
load_tensors: loading model tensors, this can take a while... (load_mode = mmap)
""".splitlines()

CUDA_LAYERS = [
    *CUDA_OPENED,
    *(f"load_tensors: layer {n:3d} assigned to device CUDA0, is_swa = 0" for n in range(17)),
    *(f"load_tensors: layer {n:3d} assigned to device CUDA1, is_swa = 0" for n in range(17, 33)),
    *"""\
load_tensors: offloading output layer to GPU
load_tensors: offloading 32 repeating layers to GPU
load_tensors: offloaded 33/33 layers to GPU
load_tensors:   CPU_Mapped model buffer size =   250.00 MiB
load_tensors:        CUDA0 model buffer size =  2000.00 MiB
load_tensors:        CUDA1 model buffer size =  2100.50 MiB
llama_context: flash_attn            = auto
llama_context:  CUDA_Host  output buffer size =     0.50 MiB
llama_kv_cache:      CUDA0 KV buffer size =   544.00 MiB
llama_kv_cache:      CUDA1 KV buffer size =   480.00 MiB
llama_kv_cache: size = 1024.00 MiB (  8192 cells,  32 layers,  1/1 seqs), \
K (f16):  752.00 MiB, V (q8_0):  272.00 MiB
llama_context: pipeline parallelism enabled
resolve_fused_ops: layer 3 is assigned to device CUDA0 but Flash Attention is assigned to device \
CPU (usually due to missing support)
resolve_fused_ops: Flash Attention not supported, set to disabled
sched_reserve:      CUDA0 compute buffer size =   400.00 MiB
sched_reserve:      CUDA1 compute buffer size =   410.00 MiB
sched_reserve:  CUDA_Host compute buffer size =    80.00 MiB
sched_reserve: compute buffer allocation failed, retrying without pipeline parallelism
sched_reserve:      CUDA0 compute buffer size =   300.00 MiB
sched_reserve:      CUDA1 compute buffer size =   310.00 MiB
sched_reserve:  CUDA_Host compute buffer size =    40.00 MiB""".splitlines(),
]

RPC_LAYERS = """\
llama_prepare_model_devices: using device RPC0 (127.0.0.1:50071) (unknown id) - 24105 MiB free
llama_prepare_model_devices: using device RPC1 (127.0.0.1:50072) (unknown id) - 24105 MiB free
load_tensors: layer   0 assigned to device RPC0, is_swa = 0
load_tensors: layer   1 assigned to device RPC0, is_swa = 0
load_tensors: layer   2 assigned to device RPC0, is_swa = 0
load_tensors: layer   3 assigned to device RPC1, is_swa = 0
load_tensors: layer   4 assigned to device RPC1, is_swa = 0
load_tensors: offloaded 5/5 layers to GPU
load_tensors:   CPU_Mapped model buffer size =     1.00 MiB
load_tensors: RPC0[127.0.0.1:50071] model buffer size =     4.51 MiB
load_tensors: RPC0[127.0.0.1:50072] model buffer size =     2.50 MiB
llama_kv_cache: RPC0[127.0.0.1:50071] KV buffer size =     0.75 MiB
llama_kv_cache: RPC0[127.0.0.1:50072] KV buffer size =     0.25 MiB
llama_context: pipeline parallelism enabled
sched_reserve: RPC0[127.0.0.1:50071] compute buffer size =    10.04 MiB
sched_reserve: RPC0[127.0.0.1:50072] compute buffer size =     9.55 MiB
""".splitlines()

RPC_TENSOR = """\
llama_prepare_model_devices: creating a Meta device for tensor parallelism from 2 devices:
llama_prepare_model_devices: - device 0: RPC0 (127.0.0.1:50071)
llama_prepare_model_devices: - device 1: RPC1 (127.0.0.1:50072)
llama_prepare_model_devices: using device Meta() (Meta()) (unknown id) - 48211 MiB free
load_tensors: layer   0 assigned to device Meta(), is_swa = 0
load_tensors: layer   1 assigned to device Meta(), is_swa = 0
load_tensors: offloaded 5/5 layers to GPU
load_tensors:       Meta() model buffer size =     3.51 MiB
llama_kv_cache:     Meta() KV buffer size =     0.50 MiB
sched_reserve:     Meta() compute buffer size =     6.51 MiB
""".splitlines()


def parallelism(split_mode: SplitMode, log: list[str]) -> Parallelism:
    return resolved.parallelism(split_mode, resolved.read(log))


def test_a_cpu_load_is_read_whole() -> None:
    facts = resolved.read(CPU)
    assert facts.devices == ()
    assert facts.layers == {"CPU": 5}
    assert (facts.offloaded, facts.load_mode, facts.pipeline) == (None, "mmap", False)
    assert facts.attention == "flash"
    assert (facts.kv_types, facts.kv_cells) == (("f16", "f16"), 3072)
    assert facts.memory == {
        "CPU": DeviceMemory(
            weights_bytes=round(6.32 * MIB),
            kv_bytes=6 * MIB,
            compute_bytes=round(9.51 * MIB) + MIB // 4,
            used_bytes=round(6.32 * MIB) + 6 * MIB + round(9.51 * MIB) + MIB // 4,
        )
    }
    assert resolved.used_devices(facts) == ("CPU",)


def test_a_layer_split_is_a_pipeline_over_the_cards_and_the_last_reservation_counts() -> None:
    facts = resolved.read(CUDA_LAYERS)
    assert facts.layers == {"CUDA0": 17, "CUDA1": 16}
    assert (facts.offloaded, facts.pipeline, facts.attention) == ("33/33", False, "standard")
    assert facts.kv_types == ("f16", "q8_0")
    assert facts.memory["CUDA1"] == DeviceMemory(
        weights_bytes=round(2100.5 * MIB),
        kv_bytes=480 * MIB,
        compute_bytes=310 * MIB,
        used_bytes=round(2890.5 * MIB),
    )
    assert facts.memory["CPU"].compute_bytes == round(40.5 * MIB)
    assert resolved.used_devices(facts) == ("CUDA0", "CUDA1")
    assert parallelism("layer", CUDA_LAYERS) is Parallelism.PIPELINE
    assert parallelism("row", CUDA_LAYERS) is Parallelism.TENSOR


def test_overlap_of_micro_batches_is_told() -> None:
    assert resolved.read([line for line in CUDA_LAYERS if "retrying" not in line]).pipeline


def test_a_tensor_split_names_the_devices_behind_the_meta_device() -> None:
    facts = resolved.read(RPC_TENSOR)
    assert resolved.used_devices(facts) == ("RPC0", "RPC1")
    assert parallelism("tensor", RPC_TENSOR) is Parallelism.TENSOR
    assert list(facts.memory) == ["Meta()"]


def test_layers_left_to_the_cpu_beside_a_tensor_split_are_told() -> None:
    partly = [*RPC_TENSOR, "load_tensors: layer   0 assigned to device CPU, is_swa = 0"]
    assert resolved.used_devices(resolved.read(partly)) == ("RPC0", "RPC1", "CPU")


def test_devices_of_other_machines_keep_their_endpoint() -> None:
    facts = resolved.read(RPC_LAYERS)
    assert resolved.used_devices(facts) == ("RPC0", "RPC1")
    assert facts.pipeline
    assert parallelism("layer", RPC_LAYERS) is Parallelism.PIPELINE
    assert facts.memory["RPC0[127.0.0.1:50072]"].weights_bytes == round(2.5 * MIB)
    assert set(facts.memory) == {"CPU", "RPC0[127.0.0.1:50071]", "RPC0[127.0.0.1:50072]"}


@pytest.mark.parametrize(
    ("buffer", "pool"),
    [
        ("CPU_Mapped", "CPU"),
        ("CPU_REPACK", "CPU"),
        ("CUDA_Host", "CPU"),
        ("CUDA1", "CUDA1"),
        ("CUDA1_Split", "CUDA1"),
        ("MTL0_Mapped", "MTL0"),
        ("RPC0[127.0.0.1:50071]", "RPC0[127.0.0.1:50071]"),
        ("Meta()", "Meta()"),
    ],
)
def test_every_buffer_has_a_pool(buffer: str, pool: str) -> None:
    assert resolved.pool(buffer) == pool


def test_a_card_that_holds_nothing_is_not_reported() -> None:
    alone = [line.replace("CUDA1", "CUDA0") if "layer" in line else line for line in CUDA_LAYERS]
    alone = [line for line in alone if "CUDA1" not in line or "using device" in line]
    assert resolved.used_devices(resolved.read(alone)) == ("CUDA0",)
    assert parallelism("layer", alone) is Parallelism.NONE


def test_layers_left_to_the_cpu_make_it_one_of_the_devices() -> None:
    partly = [*CUDA_LAYERS, "load_tensors: layer   0 assigned to device CPU, is_swa = 0"]
    assert resolved.used_devices(resolved.read(partly)) == ("CUDA0", "CUDA1", "CPU")


@pytest.mark.parametrize(("asked", "attention"), [("enabled", "flash"), ("disabled", "standard")])
def test_attention_that_was_asked_for_is_not_probed(asked: str, attention: str) -> None:
    assert resolved.read([f"llama_context: flash_attn            = {asked}"]).attention == attention


def test_silence_is_none_and_not_a_guess() -> None:
    facts = resolved.read([])
    assert (facts.attention, facts.kv_types, facts.kv_cells, facts.load_mode) == (None,) * 4
    assert (facts.memory, facts.layers) == ({}, {})


def test_options_without_effect_are_named() -> None:
    unlocked = [*CPU, "warning: failed to mlock 6628352-byte buffer (after previously locking 0"]
    options = LlamaCppOptions(n_gpu_layers=33, use_mlock=True)
    assert resolved.ignored(options, resolved.read(unlocked)) == ("n_gpu_layers", "use_mlock")
    assert resolved.ignored(options, resolved.read(CUDA_LAYERS)) == ()
    assert resolved.ignored(LlamaCppOptions(), resolved.read(CPU)) == ()
