"""What macOS tells of Apple silicon."""

from __future__ import annotations

from msgspec import Struct

from crossbench.machine.reading import UNRECORDED, Reading


class Apple(Struct, frozen=True, kw_only=True):
    """A Mac."""

    chip: Reading[str]
    """Such as "Apple M3 Max"."""
    performance_cores: Reading[int]
    efficiency_cores: Reading[int]
    gpu_cores: Reading[int]
    wired_limit_bytes: Reading[int]
    """What of memory the GPU may keep resident, where its owner has set it; 0: macOS chooses."""
    low_power_mode: Reading[bool]
    thermal_warning: Reading[str]
    """What macOS has recorded of heat; "none" where that is limits that slow nothing down."""
    on_battery: Reading[bool]
    thermal_pressure: Reading[str] = Reading(reason=UNRECORDED)
    """ "nominal", "moderate", "heavy", "trapping" or "sleeping"."""

    @property
    def device(self) -> str | None:
        """As the published facts name it, such as "Apple M3 Max (40c)"; None where unknown."""
        if self.chip.value is None or self.gpu_cores.value is None:
            return None
        return f"{self.chip.value} ({self.gpu_cores.value}c)"
