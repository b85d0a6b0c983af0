"""Bytes and durations in a reader's units."""

from __future__ import annotations

GB = 1e9
MB = 1e6


def sized(count: float) -> str:
    """Bytes in the decimal units of disks and hubs."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.1f} MB"


def spelled(seconds: float) -> str:
    """A duration to the minute, or to the second where it is short."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
