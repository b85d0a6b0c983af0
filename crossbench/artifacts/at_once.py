"""Several questions asked at the same time, and answered by a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def at_once(tasks: Mapping[K, Callable[[], V]], until: float) -> dict[K, V]:
    """What the tasks gave that were done by `until`, a reading of `time.monotonic`.

    Each has a thread, because resolving a name has no timeout; one that hangs is left behind.
    Raises what a task raised.
    """
    done: dict[K, V] = {}
    errors: list[Exception] = []

    def work(key: K) -> None:
        try:
            done[key] = tasks[key]()
        except Exception as error:  # noqa: BLE001  (raised again by who asked)
            errors.append(error)

    threads = [threading.Thread(target=partial(work, key), daemon=True) for key in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    for error in errors:
        raise error
    return dict(done)
