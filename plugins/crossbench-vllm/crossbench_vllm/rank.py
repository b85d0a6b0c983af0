"""What each of vLLM's worker processes tells of itself: mixed into its worker class.

vLLM calls `crossbench_facts` in every rank by `collective_rpc`; what it returns must be plain
values, because they cross a process boundary. Names of attributes are those of vLLM 0.32 and 0.33;
one that is missing leaves its fact None.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import torch
from vllm.distributed.parallel_state import get_pp_group, get_tp_group

REFERENCE = f"{__name__}.RankFacts"
PATHS = {
    "ca_comm": "custom",
    "symm_mem_comm": "symm_mem",
    "fi_ar_comm": "flashinfer",
    "fi_pcie_ipc_ar_comm": "flashinfer_pcie_ipc",
    "qr_comm": "quick",
    "pynccl_comm": "pynccl",
}
"""Attribute of vLLM's CUDA communicator -> what does an all-reduce there, fastest first."""


class RankFacts:
    """Adds one method to vLLM's worker; `self` has all that the worker has."""

    model_runner: Any
    vllm_config: Any
    device: Any
    distributed_init_method: str

    def crossbench_facts(self) -> dict[str, Any]:
        """Facts of this rank, of plain types."""
        layers = list(self.vllm_config.compilation_config.static_forward_context.values())
        parameters = list(self.model_runner.get_model().parameters())
        tp, pp = get_tp_group(), get_pp_group()
        return {
            "rendezvous": self.distributed_init_method,
            "runner": type(self.model_runner).__module__,
            "tp_rank": tp.rank_in_group,
            "pp_rank": pp.rank_in_group,
            "attention": sorted({name for layer in layers for name in _attention(layer)}),
            "kv_bytes": sum(tensor.nbytes for tensor in _caches(layers)),
            "kv_dtypes": sorted({str(tensor.dtype) for tensor in _caches(layers)}),
            "weight_bytes": sum(parameter.nbytes for parameter in parameters),
            # A kernel that keeps its own copy leaves an empty parameter behind.
            "weights_moved": any(parameter.numel() == 0 for parameter in parameters),
            "communicator": _class_name(tp.device_communicator),
            "collectives": _class_name(getattr(tp.device_communicator, "dist_module", None)),
            "all_reduce": _all_reduce(tp.device_communicator),
            "threads": torch.get_num_threads(),
            "cpus": sorted(os.sched_getaffinity(0)),
            **_device(self.device),
        }

    def crossbench_allocated(self) -> dict[str, int]:
        """Bytes held by torch's allocator on this rank's GPU; empty on a CPU."""
        if self.device.type != "cuda":
            return {}
        return {"reserved": int(torch.cuda.memory_reserved(self.device))}


def _attention(layer: Any) -> Iterator[str]:
    if hasattr(layer, "get_attn_backend"):
        yield str(layer.get_attn_backend().get_name())


def _caches(layers: list[Any]) -> Iterator[torch.Tensor]:
    """The KV tensors, each storage once: layers may share one."""
    seen = set()
    for layer in layers:
        held = getattr(layer, "kv_cache", None)
        for tensor in held if isinstance(held, list | tuple) else [held]:
            if not isinstance(tensor, torch.Tensor) or not tensor.numel():
                continue
            if (place := tensor.data_ptr()) not in seen:
                seen.add(place)
                yield tensor


def _class_name(value: Any) -> str | None:
    """A module stands for itself: the communicator of CPUs may hold `torch.distributed`."""
    if value is None:
        return None
    return str(getattr(value, "__name__", type(value).__name__)).lstrip("_")


def _all_reduce(communicator: Any) -> list[str]:
    """Paths that are there and not disabled, in the order in which vLLM tries them."""
    found = []
    for attribute, name in PATHS.items():
        path = getattr(communicator, attribute, None)
        if path is not None and not getattr(path, "disabled", False):
            found.append(name)
    return found


def _device(device: Any) -> dict[str, Any]:
    if device.type != "cuda":
        return {"device": None}
    properties = torch.cuda.get_device_properties(device)
    others = [n for n in range(torch.cuda.device_count()) if n != device.index]
    return {
        "device": {
            "uuid": f"GPU-{properties.uuid}",
            "name": properties.name,
            "bytes": properties.total_memory,
        },
        "peer_access": all(torch.cuda.can_device_access_peer(device.index, n) for n in others)
        if others
        else None,
        "nccl": ".".join(map(str, torch.cuda.nccl.version())),
    }
