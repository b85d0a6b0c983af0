"""How often and how long to try again, and how that is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from crossbench.errors import Unreachable

T = TypeVar("T")


class Transient(Exception):
    """It failed now and may not the next time."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """How long the other side asks to wait."""


class Patience(Struct, frozen=True, kw_only=True):
    """Bounds of every wait; times in seconds."""

    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    answer_s: float = 15.0
    """For a connection, and between two pieces of an answer."""
    stall_s: float = 120.0
    """For the next MiB of a file, however steadily it drips."""
    deadline_s: float = 24 * 3600.0
    """For all of an artifact."""

    def insist(self, attempt: Callable[[], T], tell: Callable[[str], None], *, until: float) -> T:
        """Try until it succeeds, `tries` times in a row at most, and not past `until`.

        `until` is a reading of `time.monotonic`. An attempt that got somewhere raises Progressed.
        Raises Unreachable with what the last attempt said.
        """
        failures = 0
        while True:
            try:
                return attempt()
            except Transient as error:
                failures = 1 if isinstance(error, Progressed) else failures + 1
                self._wait(failures, error, tell, until)

    def _wait(
        self, failures: int, error: Transient, tell: Callable[[str], None], until: float
    ) -> None:
        if failures >= self.tries:
            times = "once" if failures == 1 else f"{failures} times in a row"
            raise Unreachable(f"{error} ({times}); try again later") from error
        wait_s = self._wait_s(failures, error)
        if time.monotonic() + wait_s > until:
            raise Unreachable(f"{error}; there is no time left to try again") from error
        tell(f"{error}; trying again in {wait_s:.0f} s ({failures} of {self.tries - 1})")
        time.sleep(wait_s)

    def _wait_s(self, failures: int, error: Transient) -> float:
        grown = self.first_wait_s * (1 << (failures - 1))
        if error.wait_s is None:
            return min(grown, self.longest_wait_s)
        if error.wait_s > self.longest_wait_s:
            raise Unreachable(
                f"{error}, and asks to wait for {error.wait_s:.0f} s; try again then"
            ) from error
        return max(error.wait_s, min(grown, self.longest_wait_s))


class Progressed(Transient):
    """It failed now, but not before it had brought something that the next attempt keeps."""
