"""Taking turns: who is asked what and in which order, while those that wait are watched."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from benchmarks.contestants import SHORT_PROMPT, Contestant, Task, Turn

SMALLEST_VOCABULARY = 2048
"""Prompts keep below it, so that they suit every model here."""

STILL_S = 0.05
"""Whoever spends no processor time for so long is idle; the kernel counts in steps of 10 ms."""
SETTLE_S = 5.0

Turns = dict[str, list[Turn]]


@dataclass
class Meter:
    """Watches that whoever waits its turn does not work."""

    waited_s: float = 0.0
    worked_s: float = 0.0

    def turn(self, one: Contestant, others: Sequence[int], prompt: list[int], output: int) -> Turn:
        """A prefill and a decode, while the others' processor time is counted."""
        settle(others)
        began, before = time.perf_counter(), sum(map(_processor_s, others))
        turn = take_turn(one, prompt, output)
        self.worked_s += sum(map(_processor_s, others)) - before
        self.waited_s += time.perf_counter() - began
        return turn

    def __str__(self) -> str:
        """One clause for the facts."""
        share = 100 * self.worked_s / self.waited_s
        return f"whoever waited its turn worked {share:.2f} % of the time"


def take_turn(one: Contestant, prompt: list[int], output: int) -> Turn:
    """The prefill of the prompt, then tokens after the beginning of it."""
    prefill = one.run(prompt, 2)
    decode = one.run(prompt[:SHORT_PROMPT], output)
    return Turn(prefill.prefill_ns, decode.decode_ns, prefill.ids + decode.ids)


def settle(pids: Sequence[int]) -> None:
    """Wait until these are idle: vLLM's processes spin for a second after their last request.

    Raises SystemExit where they work on.
    """
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        before = sum(map(_processor_s, pids))
        time.sleep(STILL_S)
        if sum(map(_processor_s, pids)) == before:
            return
    raise SystemExit(f"processes {pids} have nothing to do, and still work after {SETTLE_S:g} s")


def _processor_s(pid: int) -> float:
    """Processor time of a process and of those it has started (an engine's core, say)."""
    process = psutil.Process(pid)
    spent = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            spent += times.user + times.system
    return spent


def prompts(number: int, length: int) -> Iterator[list[int]]:
    """Random prompts without end, others in every repetition."""
    draw = random.Random(number)
    while True:
        yield [draw.randrange(SMALLEST_VOCABULARY) for _ in range(length)]


def take_turns(
    contestants: Mapping[str, Contestant], task: Task, number: int, passes: int, meter: Meter
) -> Turns:
    """A warm-up each, then the turns, in an order that cancels a steady drift (A B C, C B A)."""
    drawn = prompts(number, task.prompt)
    pids = {one.pid for one in contestants.values()}
    warm_up = next(drawn)
    for one in contestants.values():
        take_turn(one, warm_up, task.output)
    turns: Turns = {name: [] for name in contestants}
    names = list(contestants)
    for _ in range(passes):
        for order in (names, names[::-1]):
            prompt = next(drawn)
            for name in order:
                one = contestants[name]
                turn = meter.turn(one, [*(pids - {one.pid})], prompt, task.output)
                turns[name].append(turn)
        names = names[1:] + names[:1]
    return turns


def check_same_tokens(turns: Turns, names: Sequence[str]) -> None:
    """Nothing is compared that did different work. Raises SystemExit."""
    first, *others = names
    for other in others:
        for mine, theirs in zip(turns[first], turns[other], strict=True):
            if mine.ids != theirs.ids:
                raise SystemExit(f"different tokens: {first} {mine.ids}, {other} {theirs.ids}")
