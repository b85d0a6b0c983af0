"""The stand-in for NVIDIA's library."""

from tests.machine.stand_in import nvml_library, play

__all__ = ["nvml_library", "play"]
