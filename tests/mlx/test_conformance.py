"""MLX keeps the contract, on the tiny model, one request at a time and several at once."""

from __future__ import annotations

import msgspec
import pytest

from crossbench.api import Capability
from crossbench.registry import Registry
from crossbench.testing import BackendConformance
from tests.conftest import TINY
from tests.plugins import ours

pytestmark = pytest.mark.engine("mlx")

MLX = Registry().backend("mlx").spec


BAD_OPTIONS = (
    '{dtype = "int8"}',
    "{kv_bits = 7}",
    "{prefill_step_size = 0}",
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_rule_of_the_contract_is_kept() -> None:
    """Several requests at once."""
    ours.assert_kept("mlx", bad_options=BAD_OPTIONS)


class TestOneAtATime(BackendConformance):
    """The same backend, loaded for one request at a time, as the kit loads what lacks BATCH."""

    backend = msgspec.structs.replace(MLX, capabilities=MLX.capabilities - {Capability.BATCH})
    plugin = "crossbench_mlx.plugin"
    artifact = TINY
    options = {"dtype": "float32"}  # noqa: RUF012 - as an adopter writes it
    context_tokens = 160
