"""Which marker is whose: names under a chart that has no rows."""

from __future__ import annotations

from collections.abc import Mapping

from crossbench.report.charts import svg
from crossbench.report.charts.rows import MARGIN
from crossbench.report.charts.svg import LETTER, WIDTH

LINE = 20.0
LONGEST = 280.0
"""Units of a name; what is longer is cut."""


def key(names: Mapping[int, str], y: float) -> tuple[list[str], float]:
    """Place of a target -> its name, in lines from height `y` on; and the height where they end."""
    parts = []
    x = MARGIN
    for place, name in names.items():
        shown = svg.shortened(name, LONGEST)
        width = 24 + LETTER * len(shown) + 12
        if x + width > WIDTH - MARGIN and x > MARGIN:
            x, y = MARGIN, y + LINE
        parts.append(svg.group(place, svg.mark(place, x + 6, y - 4) + svg.text(x + 18, y, shown)))
        x += width
    return parts, y + 8
