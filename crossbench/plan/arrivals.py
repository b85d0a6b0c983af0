"""When the requests of an open loop are due: the same for every target, drawn from the seed."""

from __future__ import annotations

import random

from crossbench.prompts.digest import words_sha256
from crossbench.suite.model import Load

NS = 1e9


def arrivals(load: Load, seed: int, scenario: str, launch: int, pass_: int) -> tuple[int, ...]:
    """Nanoseconds from the start of a pass at which each of its requests is due, ascending.

    Empty in a closed loop. So many requests at a rate fill a time; a Poisson process of which the
    number of arrivals in a time is known has them anywhere in it, each as likely as any other
    (Ross, Introduction to Probability Models, 5.3). So gaps are as random as they should be, and
    the rate is what the suite says in every pass, not only on average.
    """
    if load.rate is None:
        return ()
    if load.arrivals == "constant":
        return tuple(round(NS * number / load.rate) for number in range(load.requests))
    # random() is the one method whose sequence Python promises to keep between versions.
    source = random.Random(words_sha256("arrivals", seed, scenario, launch, pass_))  # noqa: S311
    span = NS * load.requests / load.rate
    return tuple(sorted(round(span * source.random()) for _ in range(load.requests)))
