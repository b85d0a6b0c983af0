"""Launch values for property-based tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import strategies as st

RATES = st.floats(1e-3, 1e6)
"""Tokens a second, or seconds, of anything there is."""
ODD = [0.0, -1.0, math.nan, math.inf, -math.inf]
"""What no launch value may be."""
LAUNCHES = st.lists(RATES, min_size=3, max_size=8, unique=True)
BLOCKS = st.dictionaries(st.integers(0, 9), RATES, min_size=3)
ANYTHING = st.floats() | st.sampled_from([*ODD, 5e-324, 1.7e308])


def near(centre: float, percents: Sequence[float]) -> dict[int, float]:
    """Block -> a value so many per cent above the centre."""
    return {block: centre * math.exp(percent / 100) for block, percent in enumerate(percents)}
