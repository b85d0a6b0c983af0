"""Decoding along given ids: a logits processor of vLLM's V1 model runner.

It makes the given id certain after the model has computed all of its logits, so the work is that
of any other step. The V2 runner has a mechanism of its own (`trace_decode_token_ids`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vllm.v1.sample.logits_processor import LogitsProcessor, process_dict_updates

if TYPE_CHECKING:
    import torch

REFERENCE = f"{__name__}:ForcedIds"
ARGUMENT = "crossbench_forced_ids"
"""Key of `SamplingParams.extra_args`."""
CERTAIN = 1e30
"""A logit beside which any other has no chance at any temperature, and that overflows at none."""


class ForcedIds(LogitsProcessor):  # type: ignore[misc]  # vLLM is not installed where types are checked
    """Feeds each request the ids it brings, one after the other."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:  # noqa: ARG002
        self._requests: dict[int, tuple[Sequence[int], Sequence[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        """It decides the argmax, so greedy requests need it too."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Follow the requests through the rows of the batch."""
        process_dict_updates(self._requests, batch_update, _state)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Make the next id of each forced request certain."""
        due = [
            (row, forced[len(produced)])
            for row, (forced, produced) in self._requests.items()
            if len(produced) < len(forced)
        ]
        if due:
            rows, ids = zip(*due, strict=True)
            logits[list(rows), list(ids)] = CERTAIN
        return logits


def _state(
    params: Any, _: Sequence[int] | None, produced: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]] | None:
    """The ids to force and the list of those produced, which vLLM keeps up to date."""
    forced = (params.extra_args or {}).get(ARGUMENT)
    return (forced, produced) if forced else None
