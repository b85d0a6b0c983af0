"""What vLLM holds of the tiny model against what was expected from its header alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crossbench.api import DeviceMemory, Loaded, Needs
from crossbench.fit.artifact import shape_of
from crossbench.fit.estimate import estimate
from crossbench.headers.files import read_local
from tests.conftest import TINY
from tests.fit import allocated
from tests.fit.test_allocations import TOLERANCE, check


def check_estimate(
    options: Mapping[str, Any], needs: Needs, loaded: Loaded, memory: Mapping[str, DeviceMemory]
) -> None:
    """Weights, KV cache and its tokens, within 5 %.

    vLLM tells how many whole contexts its blocks hold, in tokens; the estimate, what they hold.
    """
    found = estimate("vllm", options, shape_of(read_local(TINY)), needs, [])
    assert found is not None
    check(allocated.over_ranks(found, memory.values()))
    told, context = loaded.kv_capacity_tokens.value, loaded.context_tokens.value
    assert told is not None
    assert context is not None
    block = int(str(loaded.settings["block_size"].value))
    held = told / context * -(-context // block) * block
    assert found.kv_capacity_tokens == pytest.approx(held, rel=TOLERANCE)
