"""The stand-in for NVIDIA's library, and a run beside the cards that it plays."""

from tests.machine.probed import run
from tests.machine.stand_in import nvml_library, play

__all__ = ["nvml_library", "play", "run"]
