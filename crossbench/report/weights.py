"""Bits per weight: what a model really takes, whatever its name says."""

from __future__ import annotations

from crossbench.api import Loaded
from crossbench.report.words import number


def bits(loaded: Loaded | None) -> str:
    """Of the weights as they are loaded; empty where the engine does not tell."""
    if loaded is None or not loaded.weight_bytes.value or not loaded.parameters.value:
        return ""
    return number(8 * loaded.weight_bytes.value / loaded.parameters.value)
