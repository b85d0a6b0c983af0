"""Not to outlive the process that started this one, whatever this one hangs in."""

from __future__ import annotations

import os
import threading
import time

GRACE_S = 3.0
"""How long a call of a driver may still take once nobody waits for it."""
LOOK_EVERY_S = 1.0


def leave_with(parent: int) -> None:
    """From now on, end this process soon after its parent has gone, or at once if it has already.

    `parent` is its own word of who it is: it may be gone before this process can ask.
    """
    threading.Thread(target=_leave, args=(parent,), daemon=True).start()


def _leave(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    time.sleep(GRACE_S)
    os._exit(1)
