"""MLX keeps the contract, on the tiny model."""

from __future__ import annotations

import pytest

from crossbench.testing import BackendConformance
from tests.conftest import TINY

pytestmark = pytest.mark.engine("mlx")


class TestMlx(BackendConformance):
    backend = "mlx"
    artifact = TINY
    options = {"dtype": "float32"}  # noqa: RUF012 - as an adopter writes it
    context_tokens = 160
    bad_options = [  # noqa: RUF012
        {"dtype": "int8"},
        {"kv_bits": 7},
        {"prefill_step_size": 0},
    ]
