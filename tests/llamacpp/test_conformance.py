"""llama.cpp keeps the contract, on the tiny model, one request at a time and several at once."""

from __future__ import annotations

import msgspec
import pytest

from crossbench.api import Capability
from crossbench.registry import Registry
from crossbench.testing import BackendConformance
from tests.conftest import TINY
from tests.plugins import ours

pytestmark = pytest.mark.engine("llamacpp")

LLAMACPP = Registry().backend("llamacpp").spec


BAD_OPTIONS = (
    "{threads = 0}",
    "{n_batch = 64, n_ubatch = 128}",
    '{flash_attn = "off", type_v = "q8_0"}',
    '{split_mode = "diagonal"}',
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_rule_of_the_contract_is_kept() -> None:
    """Several requests at once."""
    ours.assert_kept("llamacpp", bad_options=BAD_OPTIONS)


class TestOneAtATime(BackendConformance):
    """The same backend, loaded for one request at a time, as the kit loads what lacks BATCH."""

    backend = msgspec.structs.replace(
        LLAMACPP, capabilities=LLAMACPP.capabilities - {Capability.BATCH}
    )
    plugin = "crossbench_llamacpp.plugin"
    artifact = TINY / "tiny-f16.gguf"
    options = {"threads": 1}  # noqa: RUF012 - as an adopter writes it
