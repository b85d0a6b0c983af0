"""What a target takes, by the name of its backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossbench.api import Needs
from crossbench.fit import llamacpp, mlx, vllm
from crossbench.fit.footprint import DeviceRoom, Estimate
from crossbench.fit.shape import ModelShape

ENGINES = {"llamacpp": llamacpp.estimate, "vllm": vllm.estimate, "mlx": mlx.estimate}


def estimate(
    backend: str,
    options: Mapping[str, Any],
    shape: ModelShape,
    needs: Needs,
    rooms: Sequence[DeviceRoom],
) -> Estimate | None:
    """What this model takes of these devices under these options, which are checked.

    None for a backend that is not known here: whether its targets fit is then unknown.
    """
    engine = ENGINES.get(backend)
    return engine(options, shape, needs, rooms) if engine and shape.layers else None
