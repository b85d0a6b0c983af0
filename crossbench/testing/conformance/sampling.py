"""Checks of drawing tokens, and of prompts computed whole."""

from __future__ import annotations

from statistics import median

import pytest

from crossbench.api import Capability, Request, Sampling
from crossbench.testing.conformance.base import Checks, output
from crossbench.worker.protocol import Record

TEMPERATURE = 0.8
SEEDS = (1, 2, 3, 4)
REPEATS = 3
NEW = 100
"""The first salt of prompts that no other check uses."""
TRIES = 3
SUSPICIOUS = 1 / 2
"""A repeated prompt whose first token takes less than this part of a new one's was not computed."""


class SamplingChecks(Checks):
    """Above temperature zero."""

    def test_equal_seeds_give_equal_outputs(self) -> None:
        """With SEED, equal seeds give equal outputs at a temperature above zero."""
        self.needs(Capability.SEED)
        for seed in SEEDS[:2]:
            first, second = self.answered(self._drawn(seed, "a"), self._drawn(seed, "b"))
            (third,) = self.answered(self._drawn(seed, "c"))
            if not output(first) == output(second) == output(third):
                self.broken(
                    f"seed {seed} gave {output(first)}, {output(second)} and {output(third)}",
                    "seed each request's own generator with Sampling.seed, or do not declare SEED",
                )

    def test_different_seeds_give_different_outputs(self) -> None:
        """With SEED, the seed is what decides: a backend that draws the same under every seed, or
        is greedy whatever the temperature, does not sample."""
        self.needs(Capability.SEED)
        records = self.answered(*(self._drawn(seed, "d") for seed in SEEDS))
        if len({output(record) for record in records}) == 1:
            self.broken(
                f"seeds {SEEDS} at temperature {TEMPERATURE} all gave {output(records[0])}",
                "honour Sampling.temperature and Sampling.seed",
            )

    def _drawn(self, seed: int, name: str) -> Request:
        sampling = Sampling(temperature=TEMPERATURE, seed=seed)
        return self.request(tokens=32, id=f"{name}{seed}", sampling=sampling)


class ColdChecks(Checks):
    """After `reset`."""

    def test_reset_leaves_nothing_cached(self) -> None:
        """With RESET, no prompt token is cached after `reset`, and `cached_prompt_tokens` says
        so: a timed prefill is cold, and proven cold."""
        for record in self._repeated:
            cached = record.finish.cached_prompt_tokens if record.finish else None
            if cached is None:
                self.broken(
                    "cached_prompt_tokens is None",
                    "tell how many prompt tokens were not computed, or do not declare RESET",
                )
            if cached:
                self.broken(
                    f"{cached} of {self._length} prompt tokens were cached, with reset() before",
                    "drop prefix caches in reset(), or keep them off",
                )

    def test_a_repeated_prompt_takes_as_long_as_a_new_one(self) -> None:
        """What is said to be computed is computed: after `reset` a prompt that was there before
        takes the time of a new one."""
        if any(record.finish and record.finish.cached_prompt_tokens for record in self._repeated):
            pytest.skip("its prompts are not cold, as another check says")
        for attempt in range(TRIES):
            pairs = [
                (self._first_ms(NEW + number + attempt * REPEATS), self._first_ms(0))
                for number in range(REPEATS)
            ]
            new, old = (median(times) for times in zip(*pairs, strict=True))
            if old > SUSPICIOUS * new:
                return
        self.broken(
            f"{self._length} new prompt tokens take {new:.2f} ms to the first token, the same ones "
            f"again {old:.2f} ms",
            "drop prefix caches in reset(), and count what they saved",
        )

    @property
    def _length(self) -> int:
        return self.context_tokens * 3 // 4

    @property
    def _repeated(self) -> list[Record]:
        """Records of one prompt again and again, each after a reset."""
        self.needs(Capability.RESET)
        if "repeated" not in self._results:
            request = self.request(self._length, 2)
            records = [self.answered(request)[0] for _ in range(REPEATS)]
            self._results["repeated"] = records
        told: list[Record] = self._results["repeated"]
        return told

    def _first_ms(self, salt: int) -> float:
        """Milliseconds to the first token of a prompt, after a reset."""
        (record,) = self.answered(self.request(self._length, 2, salt=salt))
        return record.stamps_ns[0] / 1e6
