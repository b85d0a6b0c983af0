"""How the benchmark of what probing costs is judged."""

from __future__ import annotations

import pytest

from benchmarks.on_off import Found, told


@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        ((0.999, 1.001, 1.0, 1.0), "met"),
        ((0.98, 0.981, 0.979, 0.98), "MISSED"),
        ((0.9, 1.1), "MISSED"),
    ],
)
def test_the_whole_interval_must_lie_inside_one_per_cent(
    ratios: tuple[float, ...], word: str
) -> None:
    launches = [Found(50 * ratio, 50.0, 0.004, 1.02) for ratio in ratios]
    page = told(launches)
    assert f"inside 0.99 to 1.01: {word}." in page
    assert f"on / off over {len(ratios)} launches" in page
    assert "| off | 50.000 [50.000, 50.000] |" in page
    assert "0.40% of one core while it went, and read 1.02 times a second." in page
