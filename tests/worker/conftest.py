"""A pulse for drivers that run in the test's own process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from crossbench.worker import pulse
from crossbench.worker.pulse import Pulse


@pytest.fixture
def beat() -> Iterator[Pulse]:
    fd = pulse.shared()
    shared = Pulse(fd)
    os.close(fd)
    yield shared
    shared.close()
