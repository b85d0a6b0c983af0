"""The options of an MLX target, with mlx-lm's own defaults.

Names are mlx-lm's where it has one, so that its documentation applies. This module imports no
engine: the host reads it to check a suite.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Dtype: TypeAlias = Literal["float16", "bfloat16", "float32"]
Bits: TypeAlias = Literal[2, 3, 4, 5, 6, 8]
GroupSize: TypeAlias = Literal[32, 64, 128]

MAX_TOKENS = 2**31 - 1
GROUP_SIZE: GroupSize = 64

Mebibytes = Annotated[int, Meta(ge=0, le=2**30)]


class MlxOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite may set for one MLX target.

    Raises ValueError where two options contradict each other.
    """

    dtype: Annotated[
        Dtype | None,
        Meta(
            description="Type of the weights that are not quantised, and so of the activations and "
            "of the KV cache; absent: as the artifact stores them."
        ),
    ] = None
    prefill_step_size: Annotated[
        int, Meta(ge=1, le=MAX_TOKENS, description="Most prompt tokens computed at once.")
    ] = 2048
    kv_bits: Annotated[
        Bits | None, Meta(description="Bits of a quantised KV cache; absent: not quantised.")
    ] = None
    kv_group_size: Annotated[
        GroupSize, Meta(description="KV values that share one scale; only with kv_bits.")
    ] = GROUP_SIZE
    quantized_kv_start: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_TOKENS,
            description="Tokens in the KV cache from which on it is quantised; only with kv_bits.",
        ),
    ] = 0
    lookahead: Annotated[
        bool,
        Meta(
            description="Dispatch the next decode step before the token of this one is read, as "
            "mlx-lm does; false: one step at a time."
        ),
    ] = True
    wired_limit_mib: Annotated[
        Mebibytes | None,
        Meta(
            description="Memory that Metal may keep resident, in MiB, 0 none; absent: as mlx-lm "
            "sets it, the largest working set that Metal recommends.",
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse contradictions, each in one sentence that says what to change."""
        if self.kv_bits is None:
            for name, default in (("kv_group_size", GROUP_SIZE), ("quantized_kv_start", 0)):
                if getattr(self, name) != default:
                    raise ValueError(
                        f"{name} is {getattr(self, name)} and counts only with kv_bits; "
                        f"drop {name}, or set kv_bits"
                    )
