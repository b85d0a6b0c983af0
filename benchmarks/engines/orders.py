"""What a loop in an engine's interpreter hears and says: the lines of `llamacpp/loop.c`.

Loops are started as `python -m benchmarks.engines.X_loop JSON`; they import nothing of the host's
but what crossbench lays into every engine's environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple


class Order(NamedTuple):
    """Continue this prompt."""

    mode: str
    output: int
    prompt: list[int]


class Host:
    """The other end of the pipes; made before the engine is imported, which may print."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def task(self) -> dict[str, Any]:
        """What the loop was started with."""
        found: dict[str, Any] = json.loads(sys.argv[1])
        return found

    def ready(self, build: str) -> None:
        """Say that the model is loaded, and on what it runs."""
        print(build, file=self._answers, flush=True)

    def orders(self) -> Iterator[Order]:
        """Orders until the input ends."""
        for line in sys.stdin:
            mode, output, *prompt = line.split()
            yield Order(mode, int(output), [int(token) for token in prompt])

    def answer(self, first_ns: int, last_ns: int, ids: list[int]) -> None:
        """Nanoseconds from the prompt being at hand to the first token and to the last."""
        print(first_ns, last_ns, *ids, file=self._answers, flush=True)
