"""Several requests at once through crossbench: asked together, stamped by the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.contestants import Worker
from crossbench.api import Request, Sampling
from crossbench.worker.protocol import Measure, Measured

HOT = Sampling(temperature=1.0)
GREEDY = Sampling()


class Load(NamedTuple):
    """What is asked of every contestant."""

    streams: int
    prompt: int
    """Tokens of each prompt."""
    output: int
    """Tokens of each answer, at least 2."""

    @property
    def context(self) -> int:
        """Tokens of each request."""
        return self.prompt + self.output


class Round(NamedTuple):
    """Requests that were asked together, once."""

    prompt_s: float
    """Until all had their first token."""
    output_s: float
    """From then until all had their last."""

    @property
    def whole_s(self) -> float:
        """From the first request to the last token."""
        return self.prompt_s + self.output_s


def ask(
    worker: Worker, prompts: Sequence[Sequence[int]], output: int, sampling: Sampling = GREEDY
) -> Round:
    """Continue all prompts at once, each of which must give all of its tokens."""
    requests = tuple(
        Request(id=str(number), prompt_ids=tuple(prompt), max_tokens=output, sampling=sampling)
        for number, prompt in enumerate(prompts)
    )
    measure = Measure(requests=requests, streams=len(requests))
    records = worker.process.ask(measure, Measured).records
    for record in records:
        if record.failure or sum(record.counts) != output:
            raise SystemExit(f"a request failed: {record.failure or record.counts}")
    began = min(record.t0_ns for record in records)
    first = max(record.t0_ns + record.stamps_ns[0] for record in records)
    last = max(record.t0_ns + record.stamps_ns[-1] for record in records)
    return Round((first - began) / 1e9, (last - first) / 1e9)
