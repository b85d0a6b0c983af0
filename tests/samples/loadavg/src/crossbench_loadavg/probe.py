"""The probe itself, imported in the probing process only."""

from __future__ import annotations

import os
from collections.abc import Sequence

from crossbench.api import Channel, ProbeAbsent


class LoadAverage:
    """Runnable programs, as the kernel averages them over a minute."""

    def open(self) -> Sequence[Channel]:
        """One number of the whole machine. Raises ProbeAbsent."""
        try:
            os.getloadavg()
        except OSError as error:
            raise ProbeAbsent(f"the system tells no load average: {error.strerror}") from error
        return (Channel(device="host", quantity="load_average", unit="", kind="gauge"),)

    def read(self) -> Sequence[float | None]:
        """The average now."""
        return (os.getloadavg()[0],)

    def close(self) -> None:
        """It holds nothing."""
