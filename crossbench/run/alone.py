"""Prefill alone, and decode alone, repeated until a window of energy is full.

Most prompts are computed in less time than a device's power can be told of. Once everything that a
launch times is done, each phase of each scenario that was shorter is therefore made again and
again: prompts of the same length with a single token of output, and outputs after hardly any
prompt. What comes of it counts for energy only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from crossbench.analysis.joules import WINDOW_S
from crossbench.api import Request
from crossbench.journal.events import SampleTaken
from crossbench.plan.energy import FILL_S
from crossbench.prompts.book import PromptBook
from crossbench.suite.model import Scenario

Phase: TypeAlias = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = ("prefill", "decode")
Run: TypeAlias = Callable[[range], Sequence[SampleTaken]]
"""Makes requests of these numbers, one after the other, and gives what came."""

NS = 1e9
LIMIT_S = 4 * WINDOW_S
"""What a phase may take, however long the host needs between requests."""
ASK_S = 2.0
"""About so long is asked for at once: the engine stands still between one time and the next."""
MOST_AT_ONCE = 512
MOST = 20_000


class Shortest:
    """The least that each phase of each scenario took while it was timed."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, Phase], float] = {}

    def take(self, sample: SampleTaken) -> None:
        """One more request; what was not timed, or failed, tells nothing."""
        record = sample.record
        if sample.role != "timed" or record.failure is not None or not record.stamps_ns:
            return
        first, last = record.stamps_ns[0], record.stamps_ns[-1]
        for phase, took in zip(PHASES, (first, last - first), strict=True):
            key = (sample.scenario, phase)
            self._seconds[key] = min(self._seconds.get(key, took / NS), took / NS)

    def phases(self, scenario: str) -> list[Phase]:
        """Those too short for a window; none of a scenario of which nothing was timed."""
        took = {phase: self._seconds.get((scenario, phase), WINDOW_S) for phase in PHASES}
        return [phase for phase in PHASES if took[phase] < WINDOW_S]


def request(
    book: PromptBook, scenario: Scenario, launch: int, phase: Phase, number: int
) -> Request:
    """A request of that phase, and of hardly anything else.

    Its context ends where that of the scenario's requests does. `launch` is as prompts are salted.
    """
    place = (scenario.name, launch, number)
    ids = book.alone(*place) if phase == "prefill" else book.brief(*place)
    prompt = number % len(scenario.prompts)
    whole = book.prompt_tokens(scenario.name, prompt) + scenario.output_tokens
    return Request(
        id=f"{scenario.name}/{phase}/{number}",
        prompt_ids=ids,
        max_tokens=1 if phase == "prefill" else whole - len(ids),
    )


def fill(run: Run, clock: Callable[[], float] = time.monotonic) -> None:
    """Run requests until FILL_S are spent on them, one fails, LIMIT_S are over or MOST were made.

    Raises what `run` does.
    """
    began, sent, spent_s = clock(), 0, 0.0
    while spent_s < FILL_S and sent < MOST and clock() - began < LIMIT_S:
        samples = run(range(sent, sent + _at_once(sent, spent_s)))
        sent += len(samples)
        for sample in samples:
            if sample.record.failure is not None or not sample.record.stamps_ns:
                return
            spent_s += sample.record.stamps_ns[-1] / NS


def _at_once(sent: int, spent_s: float) -> int:
    if not spent_s:
        return 1
    count = min(ASK_S, FILL_S - spent_s) * sent / spent_s
    return max(1, min(round(count), MOST_AT_ONCE, MOST - sent))
