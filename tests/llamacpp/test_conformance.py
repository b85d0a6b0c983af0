"""llama.cpp keeps the contract, on the tiny model."""

from __future__ import annotations

import pytest

from crossbench.testing import BackendConformance
from tests.conftest import TINY

pytestmark = pytest.mark.engine("llamacpp")


class TestLlamaCpp(BackendConformance):
    backend = "llamacpp"
    artifact = TINY / "tiny-f16.gguf"
    options = {"threads": 1}  # noqa: RUF012 - as an adopter writes it
    bad_options = [  # noqa: RUF012
        {"threads": 0},
        {"n_batch": 64, "n_ubatch": 128},
        {"flash_attn": "off", "type_v": "q8_0"},
        {"split_mode": "diagonal"},
    ]
