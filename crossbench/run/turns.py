"""What a launch asks of its engine, in order: one request after the other, or passes under load.

Every target is asked the same: ids and arrivals follow from the suite, the block and the pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from crossbench.api import Request, Sampling
from crossbench.journal.events import Role
from crossbench.plan.arrivals import arrivals
from crossbench.plan.model import BURN_IN, Launch
from crossbench.prompts.book import PromptBook
from crossbench.run import alone
from crossbench.suite.model import Scenario, Suite
from crossbench.worker.protocol import Measure


class Batch(Struct, frozen=True, kw_only=True):
    """What a worker is asked at once: one request, or all of a pass under load."""

    role: Role
    repeat: int
    numbers: range
    """Of its requests in the pass."""


class Turns:
    """The batches of one launch."""

    def __init__(self, book: PromptBook, suite: Suite, launch: Launch) -> None:
        self._book = book
        self._suite = suite
        self._launch = launch
        launches = suite.protocol.launches
        self._salted = launches if launch.block == BURN_IN else launch.block
        """The launch by which prompts are salted: one that burns in comes behind all that count."""

    def cell(self, scenario: Scenario) -> Iterator[Batch]:
        """Warm-ups, then repeats."""
        protocol = self._suite.protocol
        role: Role = "burn_in" if self._launch.purpose == "burn_in" else "timed"
        yield from _batches(scenario, "warmup", range(protocol.warmups))
        yield from _batches(scenario, role, range(protocol.repeats))

    def sentinel(self, scenario: Scenario) -> Iterator[Batch]:
        """The repeats once more, with prompts of their own: their numbers count on."""
        repeats = self._suite.protocol.repeats
        return _batches(scenario, "sentinel", range(repeats, 2 * repeats))

    def measure(self, scenario: Scenario, batch: Batch) -> Measure:
        """What a worker is asked for a batch."""
        load, protocol = scenario.load, self._suite.protocol
        requests = tuple(self._request(scenario, batch, number) for number in batch.numbers)
        if load is None:
            return Measure(requests=requests)
        place = (protocol.seed, scenario.name, self._salted, self._pass(batch))
        return Measure(
            requests=requests,
            streams=load.concurrency or 1,
            arrivals_ns=arrivals(load, *place),
        )

    def _request(self, scenario: Scenario, batch: Batch, number: int) -> Request:
        chosen, book = scenario.sampling, self._book
        match batch.role:
            case "prefill" | "decode" as phase:
                return alone.request(book, scenario, self._salted, phase, number)
        salted = book.warmup if batch.role == "warmup" else book.salted
        return Request(
            id=f"{scenario.name}/{batch.role}/{batch.repeat}/{number}",
            prompt_ids=salted(scenario.name, number, self._salted, batch.repeat),
            max_tokens=scenario.output_tokens,
            forced_ids=self._forced(scenario, batch, number),
            stop_ids=tuple(sorted(book.tokenizer.eos_ids)) if scenario.natural else (),
            sampling=Sampling(
                temperature=chosen.temperature,
                top_k=chosen.top_k,
                top_p=chosen.top_p,
                seed=chosen.seed,
            ),
        )

    def _forced(self, scenario: Scenario, batch: Batch, number: int) -> tuple[int, ...]:
        """The output of a request, where it is given."""
        if not scenario.forced:
            return ()
        place = (scenario.name, number, self._salted, self._pass(batch))
        return self._book.forced(*place, scenario.output_tokens)

    def _pass(self, batch: Batch) -> int:
        """Its number in the launch; warm-ups count from below zero."""
        warmup = batch.role == "warmup"
        return batch.repeat - self._suite.protocol.warmups if warmup else batch.repeat


def _batches(scenario: Scenario, role: Role, repeats: range) -> Iterator[Batch]:
    every = range(scenario.requests)
    for repeat in repeats:
        if scenario.load is not None:
            yield Batch(role=role, repeat=repeat, numbers=every)
            continue
        for number in every:
            yield Batch(role=role, repeat=repeat, numbers=range(number, number + 1))
