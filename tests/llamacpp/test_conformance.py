"""llama.cpp keeps the contract, on the tiny model, one request at a time and several at once."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest

from crossbench.api import BackendSpec, Capability
from crossbench.registry import Registry
from crossbench.testing import BackendConformance
from tests.conftest import TINY

pytestmark = pytest.mark.engine("llamacpp")

LLAMACPP = Registry().backend("llamacpp").spec


class TestLlamaCpp(BackendConformance):
    backend: ClassVar[str | BackendSpec] = "llamacpp"
    artifact = TINY / "tiny-f16.gguf"
    options = {"threads": 1}  # noqa: RUF012 - as an adopter writes it
    bad_options = [  # noqa: RUF012
        {"threads": 0},
        {"n_batch": 64, "n_ubatch": 128},
        {"flash_attn": "off", "type_v": "q8_0"},
        {"split_mode": "diagonal"},
    ]


class TestOneAtATime(TestLlamaCpp):
    """The same backend, loaded for one request at a time, as the kit loads what lacks BATCH."""

    backend = msgspec.structs.replace(
        LLAMACPP, capabilities=LLAMACPP.capabilities - {Capability.BATCH}
    )
    plugin = "crossbench_llamacpp.plugin"
