"""Fake engines that draw, cache or score wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from crossbench.api import (
    Request,
    TokenScore,
)
from tests.testing.fakes import model
from tests.testing.fakes.engine import Fake


class IgnoresTheSeed(Fake):
    """Draws from a generator of its own."""

    _random = Random(7)

    def choose(self, request: Request, number: int, state: int, random: Random) -> int:
        return super().choose(request, number, state, self._random)


class AlwaysGreedy(Fake):
    """Ignores temperature and seed."""

    def choose(self, request: Request, number: int, state: int, random: Random) -> int:
        return request.forced_ids[number] if request.forced_ids else model.best(state)


class KeepsTheCache(Fake):
    """Has a prefix cache that `reset` does not drop, and says so."""

    def __init__(self) -> None:
        self._cache: dict[tuple[int, ...], int] = {}

    def prefill(self, ids: tuple[int, ...]) -> tuple[int, int | None]:
        if ids in self._cache:
            return self._cache[ids], self.told(len(ids))
        state = self._cache[ids] = model.after(ids)
        return state, 0

    def told(self, cached: int) -> int | None:
        return cached - 1


class HidesTheCache(KeepsTheCache):
    """The same, and says that nothing was cached."""

    def told(self, cached: int) -> int | None:
        return 0


class ProvesNothing(Fake):
    """Declares RESET and does not tell what was cached."""

    def prefill(self, ids: tuple[int, ...]) -> tuple[int, int | None]:
        return super().prefill(ids)[0], None


class ScoresShifted(Fake):
    """Scores each id by what comes after it."""

    def row(self, ids: Sequence[int]) -> list[float]:
        return super().row(ids[:-1])


class ScoresUnnormalised(Fake):
    """Gives logits for log-probabilities."""

    def row(self, ids: Sequence[int]) -> list[float]:
        return [each + 0.5 for each in super().row(ids)]


class ScoresOther(Fake):
    """Scores the id one place beside the one asked for."""

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        rows = [self.row(ids[:place]) for place in range(first, len(ids))]
        return [
            TokenScore(row[(token + 40) % 95 + 32], self.top(row, top_k))
            for token, row in zip(ids[first:], rows, strict=True)
        ]


class ScoresFromStaleCache(Fake):
    """Takes the beginning of what it scored before for something that comes after it."""

    _before: tuple[int, ...] = ()

    def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        before, self._before = self._before, tuple(ids)
        if len(ids) < len(before) and tuple(ids) == before[: len(ids)]:
            return super().score((*before, *ids), top_k, len(before) + first)
        return super().score(ids, top_k, first)
