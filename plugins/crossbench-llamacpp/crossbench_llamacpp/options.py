"""The options of a llama.cpp target, with llama-bench's defaults rather than the binding's.

Names are those of llama.cpp's own parameters, so that its documentation applies. This module
imports no engine: the host reads it to check a suite.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from crossbench_llamacpp import endpoint

SplitMode: TypeAlias = Literal["none", "layer", "row", "tensor"]
FlashAttention: TypeAlias = Literal["auto", "on", "off"]
KvType: TypeAlias = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]

UNQUANTISED = frozenset({"f32", "f16", "bf16"})
MAX_TOKENS = 2**31 - 1

Tokens = Annotated[int, Meta(ge=1, le=MAX_TOKENS)]
Threads = Annotated[int, Meta(ge=1, le=512)]
Shares = Annotated[list[Annotated[float, Meta(ge=0)]], Meta(min_length=1)]
Servers = Annotated[list[str], Meta(min_length=1, max_length=16)]


class LlamaCppOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite may set for one llama.cpp target.

    Raises ValueError where two options contradict each other.
    """

    n_gpu_layers: Annotated[
        int, Meta(ge=-1, description="Layers kept on the GPUs, the output layer included; -1 all.")
    ] = -1
    split_mode: Annotated[
        SplitMode,
        Meta(
            description="How several GPUs share the model: none (one GPU), layer (each GPU some "
            "layers, a pipeline), tensor (each GPU a part of every layer), row (the older tensor "
            "split, gone from recent CUDA builds)."
        ),
    ] = "layer"
    tensor_split: Annotated[
        Shares | None,
        Meta(
            description="Share of each device, in any unit, remote ones first; absent: by free "
            "memory, and in equal parts where rpc_servers is set."
        ),
    ] = None
    main_gpu: Annotated[
        int,
        Meta(
            ge=0,
            description="The device that split_mode none uses, counted from 0, remote ones first.",
        ),
    ] = 0
    rpc_servers: Annotated[
        Servers | None,
        Meta(
            description="RPC servers (host:port) whose devices share the model, before this "
            "machine's GPUs. Whoever reaches such a server can take its machine over: trusted "
            "networks only."
        ),
    ] = None
    n_ctx: Annotated[
        Tokens | None,
        Meta(
            description="Context of each request in tokens, which llama.cpp rounds up to a "
            "multiple of 256; absent: the longest prompt plus output of the plan."
        ),
    ] = None
    n_batch: Annotated[Tokens, Meta(description="Most tokens handed to one llama_decode call.")] = (
        2048
    )
    n_ubatch: Annotated[
        Tokens, Meta(description="Most tokens computed at once; at most n_batch.")
    ] = 512
    flash_attn: Annotated[
        FlashAttention, Meta(description="Flash attention; auto: where every device supports it.")
    ] = "auto"
    type_k: Annotated[KvType, Meta(description="Type of the key cache.")] = "f16"
    type_v: Annotated[
        KvType, Meta(description="Type of the value cache; quantised needs flash attention.")
    ] = "f16"
    kv_unified: Annotated[
        bool,
        Meta(
            description="With several requests at once: one KV cache that all of them share, as "
            "llama-server has it by default; false: one each, as llama-batched-bench has it."
        ),
    ] = False
    offload_kqv: Annotated[
        bool, Meta(description="Keep the KV cache and attention on the GPU of their layer.")
    ] = True
    op_offload: Annotated[
        bool, Meta(description="Let a GPU compute large batches of layers that the CPU holds.")
    ] = True
    use_mmap: Annotated[
        bool, Meta(description="Map the file where every device supports it; false: read it.")
    ] = True
    use_mlock: Annotated[
        bool, Meta(description="Lock the weights in memory, so that they are never swapped out.")
    ] = False
    threads: Annotated[
        Threads | None, Meta(description="CPU threads of decoding; absent: physical cores.")
    ] = None
    threads_batch: Annotated[
        Threads | None, Meta(description="CPU threads of prefill; absent: as `threads`.")
    ] = None

    def __post_init__(self) -> None:
        """Refuse contradictions, each in one sentence that says what to change."""
        if self.n_ubatch > self.n_batch:
            raise ValueError(
                f"n_ubatch is {self.n_ubatch} and n_batch is {self.n_batch}; "
                "n_ubatch may be at most n_batch"
            )
        if self.flash_attn == "off" and self.type_v not in UNQUANTISED:
            raise ValueError(
                f"type_v {self.type_v} needs flash attention and flash_attn is off; "
                "set flash_attn to auto or on, or type_v to f16, bf16 or f32"
            )
        if self.flash_attn == "off" and self.split_mode == "tensor":
            raise ValueError(
                "split_mode tensor needs flash attention and flash_attn is off; "
                "set flash_attn to auto or on"
            )
        if not self.offload_kqv and self.split_mode == "tensor":
            raise ValueError(
                "offload_kqv is off, by which llama.cpp computes wrong tokens under split_mode "
                "tensor; drop offload_kqv, or set split_mode to layer"
            )
        self._check_split()
        self._check_servers()

    def _check_split(self) -> None:
        if self.tensor_split is not None:
            if self.split_mode == "none":
                raise ValueError(
                    "tensor_split shares a model between GPUs and split_mode none uses one; "
                    "drop tensor_split, or set split_mode to layer or tensor"
                )
            if not any(self.tensor_split):
                raise ValueError("tensor_split gives every GPU a share of 0; give one of them more")
        if self.main_gpu and self.split_mode != "none":
            raise ValueError(
                f"main_gpu is {self.main_gpu} and counts only under split_mode none, "
                f"not {self.split_mode}; drop main_gpu, or set split_mode to none"
            )

    def _check_servers(self) -> None:
        servers = self.rpc_servers or []
        for text in servers:
            endpoint.parse(text)
        twice = [text for text in servers if servers.count(text) > 1]
        if twice:
            raise ValueError(
                f"rpc_servers names {twice[0]} twice; a server serves one client at a time, and "
                "all of its devices are used: name it once"
            )
        if servers and self.n_gpu_layers == 0:
            raise ValueError(
                "n_gpu_layers is 0, which leaves nothing to rpc_servers; raise or drop it"
            )
