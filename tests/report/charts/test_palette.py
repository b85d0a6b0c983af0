"""Colours hold against the background and against each other, also for who sees fewer of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from crossbench.report.charts.palette import DARK, LIGHT, MARKERS, colour, marker

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
PAPER = {"light": "#ffffff", "dark": "#14181d"}


def linear(code: str) -> np.ndarray:
    parts = np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """OKLab (Ottosson 2020) of linear RGB."""
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(to_lab @ np.cbrt(to_lms @ np.clip(rgb, 0, 1)))


def contrast(one: str, other: str) -> float:
    """WCAG 2."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    light = sorted(float(weights @ linear(each)) for each in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, "light"), (DARK, "dark")])
def test_every_colour_stands_out_from_its_background(colours: tuple[str, ...], paper: str) -> None:
    for code in colours:
        assert contrast(code, PAPER[paper]) >= 3, code


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_the_first_five_targets_stay_apart_for_everyone(
    colours: tuple[str, ...], sight: str
) -> None:
    for one, other in combinations(colours[:5], 2):
        seen = [lab(SIGHT[sight] @ linear(code)) for code in (one, other)]
        assert float(np.linalg.norm(seen[0] - seen[1])) > 0.06, (one, other)


def test_no_two_of_sixty_four_targets_look_alike() -> None:
    looks = {(colour(place), marker(place)) for place in range(len(LIGHT) * len(MARKERS))}
    assert len(looks) == len(LIGHT) * len(MARKERS)
