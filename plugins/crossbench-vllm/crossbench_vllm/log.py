"""What vLLM's processes print: where it says why a load failed and what NCCL chose.

vLLM's exception for a failed load holds no cause; that is in the output of its processes, which
inherit the worker's standard error. The worker's is its log file, so what came since a load began
can be read back from it. Where it is no file (a terminal, a pipe), there is nothing to read.
"""

from __future__ import annotations

import os
import re
import stat

STDERR = 2
MOST_BYTES = 8 * 2**20
LAST_LINES = 4

PREFIX = re.compile(
    r"^(?:\([\w-]+ pid=\d+\) ?)?"  # the process, as vLLM puts it before every line
    r"(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?"
)
RAISED = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit)\b(?:: \S|$)")
CONSEQUENCES = re.compile(
    r"initialization failed|failed to start|cancelled|See root cause|EngineDeadError|SystemExit"
)
"""Errors that only say that an earlier one happened."""
TRANSPORT = re.compile(r"NCCL INFO .*: \d+\[[0-9a-f]+\] -> \d+\[[0-9a-f]+\].* via (\S+)")


class EngineLog:
    """The output of this process and its children from now on."""

    def __init__(self) -> None:
        self._start = _size()

    def text(self) -> str:
        """What was printed since, or its last megabytes; empty where it cannot be read."""
        if self._start is None:
            return ""
        try:
            with open(f"/proc/self/fd/{STDERR}", "rb") as file:  # noqa: PTH123 - a descriptor
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._start, end - MOST_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""


def _size() -> int | None:
    """Bytes in the file behind standard error, or None where it is no file."""
    status = os.fstat(STDERR)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def cause(text: str) -> str:
    """The first error that is no consequence of another, or the last lines; empty of nothing."""
    lines = [stripped for line in text.splitlines() if (stripped := PREFIX.sub("", line).strip())]
    raised = [line for line in lines if RAISED.match(line)]
    first = [line for line in raised if not CONSEQUENCES.search(line)]
    return first[0] if first else " | ".join(raised[:1] or lines[-LAST_LINES:])


def transports(text: str) -> tuple[str, ...]:
    """Paths over which NCCL connected two GPUs, such as "SHM/direct/direct" or "P2P/CUMEM"."""
    return tuple(sorted(set(TRANSPORT.findall(text))))
