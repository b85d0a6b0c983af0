"""Waiting until the memory of the CUDA devices is free again after a worker has ended.

A driver may give memory back some time after the process that held it is gone; the next launch
would then be refused, or measured beside the remains of the last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from crossbench.machine import cards

SLACK_BYTES = 64 * 2**20
"""What a desktop's own use may move by meanwhile."""
LIMIT_S = 30.0
LOOK_EVERY_S = 0.5


class Drain:
    """The devices' used memory before anything was launched."""

    def __init__(self) -> None:
        self._baseline = cards.used_bytes()

    def wait(self) -> Mapping[str, int]:
        """Wait, at most 30 s; device UUID -> bytes still held beyond the baseline, usually none."""
        if not self._baseline:
            return {}
        deadline = time.monotonic() + LIMIT_S
        while (held := self._held()) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return held

    def _held(self) -> Mapping[str, int]:
        now = cards.used_bytes()
        beyond = {uuid: now.get(uuid, 0) - before for uuid, before in self._baseline.items()}
        return {uuid: held for uuid, held in beyond.items() if held > SLACK_BYTES}
