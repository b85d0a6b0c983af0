"""Memory of one process and all that descend from it: the worker that is being timed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from crossbench.api import Channel

SWAPPED = re.compile(r"^VmSwap:\s+(\d+) kB$", re.MULTILINE)
KIB = 1024


class TreeProbe:
    """The trees of the processes that `watch` names; before that, and once they end, nothing."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root` holds `proc`."""
        self._proc = root / "proc"
        self._roots: list[psutil.Process] = []
        self._tree: list[psutil.Process] = []
        self._youngest: str | None = None

    def watch(self, *pids: int) -> None:
        """From now on the trees below these processes, summed; none for nothing."""
        self._roots = []
        for pid in pids:
            with suppress(psutil.Error):
                self._roots.append(psutil.Process(pid))
        self._youngest = None

    def open(self) -> Sequence[Channel]:
        """Resident and swapped memory, and time of all cores, summed over the tree."""
        return [
            Channel(device="worker", quantity="rss", unit="B", kind="gauge"),
            Channel(device="worker", quantity="swap", unit="B", kind="gauge"),
            Channel(device="worker", quantity="cpu_time", unit="s", kind="gauge"),
        ]

    def read(self) -> Sequence[float | None]:
        """Now; pages that processes share are counted once each. Swap is told by Linux only."""
        found = list(self._processes())
        if not found:
            return [None, None, None]
        swapped = [swap for _, swap, _ in found if swap is not None]
        return [
            float(sum(rss for rss, _, _ in found)),
            float(sum(swapped)) if len(swapped) == len(found) else None,
            sum(time for _, _, time in found),
        ]

    def _processes(self) -> Iterator[tuple[int, int | None, float]]:
        self._search()
        for process in self._tree:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss = process.memory_info().rss
            except psutil.Error:
                continue
            yield rss, self._swapped(process.pid), times.user + times.system

    def _search(self) -> None:
        """Look for all of them again, unless nothing was born on the machine since the last time:
        the search reads of every process there is, which is most of what a tick would cost."""
        youngest = self._last_born()
        if youngest is not None and youngest == self._youngest:
            return
        self._youngest = youngest
        self._tree = []
        for root in self._roots:
            with suppress(psutil.Error):
                self._tree += [root, *root.children(recursive=True)]

    def _last_born(self) -> str | None:
        """The number of the youngest process or thread: the last word of Linux's loadavg."""
        try:
            return (self._proc / "loadavg").read_text().split()[-1]
        except (OSError, IndexError):
            return None

    def _swapped(self, pid: int) -> int | None:
        try:
            found = SWAPPED.search((self._proc / str(pid) / "status").read_text())
        except OSError:
            return None
        return int(found[1]) * KIB if found else None

    def close(self) -> None:
        """Nothing is held."""
