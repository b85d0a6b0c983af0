"""What an artifact's quality costs: how well each target predicts one fixed text.

Bits per byte compare across engines and tokenizers; against a reference they are paired window by
window, because windows differ far more than artifacts do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crossbench.journal.events import WindowScored

RESAMPLES = 4000
LEAST_WINDOWS = 8
"""Fewer windows give no interval: a bootstrap of so few says nothing."""
CONFIDENCE = 0.95

Windows = Mapping[int, WindowScored]


class Difference(Struct, frozen=True, kw_only=True):
    """One target against the reference, on the windows that both scored."""

    bits_per_byte: float
    """Target less reference: above zero the target predicts worse."""
    low: float | None
    """95 % interval by bootstrap over windows; None with too few of them."""
    high: float | None
    top1_agreement: float
    """Share of places at which both find the same id likeliest."""
    windows: int


def bits_per_byte(windows: Windows) -> float | None:
    """-sum log2 p / UTF-8 bytes, over everything scored; None where nothing was."""
    size = sum(window.bytes for window in windows.values())
    return _bits(windows.values()) / size if size else None


def difference(target: Windows, reference: Windows) -> Difference | None:
    """None where the two share no window."""
    shared = [n for n in sorted(target) if n in reference and _alike(target[n], reference[n])]
    if not shared:
        return None
    bits = np.array([_bits([target[n]]) - _bits([reference[n]]) for n in shared])
    sizes = np.array([target[n].bytes for n in shared], float)
    low, high = _interval(bits, sizes)
    places = sum(len(target[n].likeliest) for n in shared)
    return Difference(
        bits_per_byte=float(bits.sum() / sizes.sum()),
        low=low,
        high=high,
        top1_agreement=sum(_agreeing(target[n], reference[n]) for n in shared) / places,
        windows=len(shared),
    )


def _bits(windows: Iterable[WindowScored]) -> float:
    return -sum(math.fsum(window.logprobs) for window in windows) / math.log(2)


def _alike(one: WindowScored, other: WindowScored) -> bool:
    return len(one.logprobs) == len(other.logprobs) > 0


def _agreeing(one: WindowScored, other: WindowScored) -> int:
    return sum(a == b for a, b in zip(one.likeliest, other.likeliest, strict=True))


def _interval(
    bits: NDArray[np.float64], sizes: NDArray[np.float64]
) -> tuple[float, float] | tuple[None, None]:
    if len(bits) < LEAST_WINDOWS:
        return None, None
    drawn = np.random.default_rng(0).integers(len(bits), size=(RESAMPLES, len(bits)))
    means = bits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
