"""The options of a vLLM target, with vLLM's defaults but for the prefix cache, which is off.

Names are those of vLLM's own arguments, so that its documentation applies; those that begin with
`nccl_` are NCCL's environment variables, those that begin with `cpu_` count on the CPU only. This
module imports no engine: the host reads it to check a suite.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Dtype: TypeAlias = Literal["auto", "half", "float16", "bfloat16", "float", "float32"]
KvDtype: TypeAlias = Literal[
    "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "int8_per_token_head", "nvfp4"
]
P2pLevel: TypeAlias = Literal["LOC", "NVL", "PIX", "PXB", "PHB", "SYS"]

Devices = Annotated[int, Meta(ge=1, le=64)]
Tokens = Annotated[int, Meta(ge=1, le=2**24)]
Channels = Annotated[int, Meta(ge=1, le=64)]
Gibibytes = Annotated[float, Meta(gt=0, le=65536)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.^,:;+-]{1,64}$")]
CpuLists = Annotated[str, Meta(pattern=r"^(auto|nobind|[0-9,|-]+)$", max_length=1024)]


class VllmOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite may set for one vLLM target.

    Raises ValueError where two options contradict each other.
    """

    tensor_parallel_size: Annotated[
        Devices, Meta(description="Devices that each hold a part of every layer.")
    ] = 1
    pipeline_parallel_size: Annotated[
        Devices, Meta(description="Groups of devices that each hold some of the layers.")
    ] = 1
    quantization: Annotated[
        Word | None, Meta(description="vLLM's name of the method; absent: as the artifact says.")
    ] = None
    dtype: Annotated[
        Dtype, Meta(description="Type of weights and activations that are not quantised.")
    ] = "auto"
    kv_cache_dtype: Annotated[KvDtype, Meta(description="Type of the KV cache.")] = "auto"
    gpu_memory_utilization: Annotated[
        float, Meta(gt=0, le=1, description="Share of each GPU's memory that vLLM may take.")
    ] = 0.92
    kv_cache_gib: Annotated[
        Gibibytes | None,
        Meta(
            description="Size of the KV cache on each device, in GiB; absent: what "
            "gpu_memory_utilization leaves on a GPU, 1 GiB on the CPU."
        ),
    ] = None
    cpu_offload_gib: Annotated[
        float,
        Meta(ge=0, le=65536, description="Weights of each GPU kept in host memory, in GiB."),
    ] = 0.0
    max_model_len: Annotated[
        Tokens | None,
        Meta(
            description="Tokens one request may hold; absent: the longest prompt plus output of "
            "the plan."
        ),
    ] = None
    max_num_seqs: Annotated[
        Annotated[int, Meta(ge=1, le=65536)] | None,
        Meta(description="Most requests computed at once; absent: vLLM's default."),
    ] = None
    max_num_batched_tokens: Annotated[
        Tokens | None, Meta(description="Most tokens computed at once; absent: vLLM's default.")
    ] = None
    block_size: Annotated[
        Annotated[int, Meta(ge=1, le=1024)] | None,
        Meta(description="Tokens in one block of the KV cache; absent: vLLM's default."),
    ] = None
    enable_chunked_prefill: Annotated[
        bool | None, Meta(description="Cut long prompts into chunks; absent: vLLM's default.")
    ] = None
    enable_prefix_caching: Annotated[
        bool, Meta(description="Reuse the KV cache of equal prompt beginnings; vLLM's own: true.")
    ] = False
    async_scheduling: Annotated[
        bool | None,
        Meta(description="Prepare a step while the last one runs; absent: vLLM's default."),
    ] = None
    enforce_eager: Annotated[
        bool, Meta(description="Neither compile the model nor capture CUDA graphs.")
    ] = False
    optimization_level: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None,
        Meta(description="vLLM's -O0 to -O3; absent: vLLM's default."),
    ] = None
    attention_backend: Annotated[
        Word | None, Meta(description='Such as "FLASH_ATTN" or "FLASHINFER"; absent: vLLM chooses.')
    ] = None
    disable_custom_all_reduce: Annotated[
        bool,
        Meta(description="Leave all-reduce to NCCL even where GPUs reach each other's memory."),
    ] = False
    skip_p2p_check: Annotated[
        bool | None,
        Meta(description="VLLM_SKIP_P2P_CHECK: trust the driver's word on peer-to-peer."),
    ] = None
    nccl_p2p_disable: Annotated[bool | None, Meta(description="NCCL_P2P_DISABLE.")] = None
    nccl_p2p_level: Annotated[
        P2pLevel | None, Meta(description="NCCL_P2P_LEVEL: the farthest path to use P2P over.")
    ] = None
    nccl_shm_disable: Annotated[bool | None, Meta(description="NCCL_SHM_DISABLE.")] = None
    nccl_ib_disable: Annotated[bool | None, Meta(description="NCCL_IB_DISABLE.")] = None
    nccl_cumem_enable: Annotated[bool | None, Meta(description="NCCL_CUMEM_ENABLE.")] = None
    nccl_algo: Annotated[Word | None, Meta(description='NCCL_ALGO, such as "Ring".')] = None
    nccl_proto: Annotated[Word | None, Meta(description='NCCL_PROTO, such as "LL128".')] = None
    nccl_min_nchannels: Annotated[Channels | None, Meta(description="NCCL_MIN_NCHANNELS.")] = None
    nccl_max_nchannels: Annotated[Channels | None, Meta(description="NCCL_MAX_NCHANNELS.")] = None
    nccl_buffsize: Annotated[
        Annotated[int, Meta(ge=1024, le=2**30)] | None,
        Meta(description="NCCL_BUFFSIZE, in bytes."),
    ] = None
    nccl_socket_ifname: Annotated[Word | None, Meta(description="NCCL_SOCKET_IFNAME.")] = None
    cpu_omp_threads_bind: Annotated[
        CpuLists | None,
        Meta(
            description='VLLM_CPU_OMP_THREADS_BIND: CPUs of each rank, such as "0-7|8-15"; absent: '
            "vLLM's choice for one rank, an equal share each for several."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse contradictions, each in one sentence that says what to change."""
        low, high = self.nccl_min_nchannels, self.nccl_max_nchannels
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"nccl_min_nchannels is {low} and nccl_max_nchannels is {high}; "
                "the least may be at most the most"
            )
        batch, seqs = self.max_num_batched_tokens, self.max_num_seqs
        if batch is not None and seqs is not None and batch < seqs:
            raise ValueError(
                f"max_num_batched_tokens is {batch} and max_num_seqs is {seqs}; a batch holds at "
                "least one token of each request: raise the former or lower the latter"
            )
        self._check_binding()

    @property
    def ranks(self) -> int:
        """Processes that hold a part of the model, one a device."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    def _check_binding(self) -> None:
        bind = self.cpu_omp_threads_bind
        if bind in (None, "auto", "nobind"):
            return
        lists = bind.split("|")
        if len(lists) != self.ranks or not all(lists):
            raise ValueError(
                f"cpu_omp_threads_bind {bind!r} names CPUs of {len(lists)} ranks and there are "
                f"{self.ranks}; give each rank a list, such as "
                f'"{"|".join(str(rank) for rank in range(self.ranks))}"'
            )
