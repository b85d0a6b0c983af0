"""MLX keeps the contract, on the tiny model, one request at a time and several at once."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest

from crossbench.api import BackendSpec, Capability
from crossbench.registry import Registry
from crossbench.testing import BackendConformance
from tests.conftest import TINY

pytestmark = pytest.mark.engine("mlx")

MLX = Registry().backend("mlx").spec


class TestMlx(BackendConformance):
    backend: ClassVar[str | BackendSpec] = "mlx"
    artifact = TINY
    options = {"dtype": "float32"}  # noqa: RUF012 - as an adopter writes it
    context_tokens = 160
    bad_options = [  # noqa: RUF012
        {"dtype": "int8"},
        {"kv_bits": 7},
        {"prefill_step_size": 0},
    ]


class TestOneAtATime(TestMlx):
    """The same backend, loaded for one request at a time, as the kit loads what lacks BATCH."""

    backend = msgspec.structs.replace(MLX, capabilities=MLX.capabilities - {Capability.BATCH})
    plugin = "crossbench_mlx.plugin"
