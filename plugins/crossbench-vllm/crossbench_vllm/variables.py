"""What vLLM, NCCL and their libraries are told through the environment of their processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from crossbench_vllm.options import VllmOptions

ALWAYS = {
    # Nothing is sent anywhere, and nothing is fetched: the artifact is on this machine.
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    # Into the worker's log, uncoloured, at the level its causes are read from.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_COLOR": "0",
}
NCCL_PREFIX = "nccl_"
TRANSPORT_LOG = {"NCCL_DEBUG": "INFO", "NCCL_DEBUG_SUBSYS": "INIT,P2P,SHM"}
"""NCCL tells only in its log over which path two GPUs speak; it writes this while connecting."""


def of(options: VllmOptions, *, cpu: bool, cpus: Iterable[int]) -> dict[str, str]:
    """Variables for these options. `cpus` are those this process may run on."""
    chosen: dict[str, str] = {}
    if cpu:
        bind = options.cpu_omp_threads_bind or _shares(options.ranks, sorted(cpus))
        if bind is not None:
            chosen["VLLM_CPU_OMP_THREADS_BIND"] = bind
        return chosen
    if options.ranks > 1:
        chosen |= {name: text for name, text in TRANSPORT_LOG.items() if name not in os.environ}
    for field in options.__struct_fields__:
        value = getattr(options, field)
        if field.startswith(NCCL_PREFIX) and value is not None:
            chosen[field.upper()] = _text(value)
    if options.skip_p2p_check is not None:
        chosen["VLLM_SKIP_P2P_CHECK"] = _text(options.skip_p2p_check)
    return chosen


def nccl(environ: Mapping[str, str]) -> dict[str, str]:
    """NCCL's variables as they stand, the user's own included."""
    return {name: text for name, text in sorted(environ.items()) if name.startswith("NCCL_")}


class Variables:
    """Variables of this process that can be put back as they were."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    def set(self, variables: Mapping[str, str]) -> None:
        """Set them, remembering what they were."""
        for name, text in variables.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = text

    def restore(self) -> None:
        """Put them back."""
        for name, text in self._before.items():
            os.environ.pop(name, None)
            if text is not None:
                os.environ[name] = text
        self._before.clear()


def _shares(ranks: int, cpus: list[int]) -> str | None:
    """An equal share of the CPUs for each rank; None where vLLM should choose.

    vLLM itself gives each rank one NUMA node, and refuses where there are fewer nodes than ranks.
    """
    each = len(cpus) // ranks
    if ranks == 1 or not each:
        return None
    lists = (cpus[rank * each : (rank + 1) * each] for rank in range(ranks))
    return "|".join(",".join(map(str, share)) for share in lists)


def _text(value: bool | int | str) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
