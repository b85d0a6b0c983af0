"""Checks of log-probabilities, against what greedy decoding chose and against themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from crossbench.api import Capability, TokenScore
from crossbench.testing.conformance.base import PLAIN, Checks
from crossbench.testing.conformance.bench import Bench

PROMPT = 17
SUM_TOLERANCE = 1e-2


class ScoreChecks(Checks):
    """On a load with `Needs.scoring`."""

    def test_undeclared_scores_are_refused(self) -> None:
        """Without SCORE a session has no `score`, or one that raises."""
        if self.declares(Capability.SCORE):
            pytest.skip(f"{self.spec.name} declares SCORE")
        if given := self._alive(lambda: self.bench.seen).undeclared_score:
            self.broken(f"score() gave {given}", "declare SCORE, or raise Unsupported")

    def test_scores_are_log_probabilities(self) -> None:
        """Scores are log-probabilities over the whole vocabulary at temperature 1: none above 0,
        the likeliest first, and probabilities that sum to 1."""
        told = self.vocabulary
        size = len(told.tokens) if told else None
        for place, score in enumerate(self._scored(self._continued(), 1)):
            logs = [log for _, log in score.top]
            total = sum(map(math.exp, logs))
            whole = size is not None and len(logs) >= size
            if total > 1 + SUM_TOLERANCE or (whole and total < 1 - SUM_TOLERANCE):
                self.broken(
                    f"at place {place + 1} the {len(logs)} likeliest ids have a probability of "
                    f"{total:.3f} together",
                    "take the log-softmax of the logits at temperature 1",
                )
            ids = [token for token, _ in score.top]
            if logs != sorted(logs, reverse=True) or len(set(ids)) < len(ids):
                self.broken(
                    f"at place {place + 1} top is {score.top}", "sort it; name each id once"
                )

    def test_scores_are_those_of_their_ids(self) -> None:
        """`score` gives each of ids[first:] its own log-probability: what `top` says of that id
        agrees, and an id that is not in `top` is no likelier than the last there."""
        ids = self._continued()
        for place, score in enumerate(self._scored(ids, 1), 1):
            listed = dict(score.top)
            if not listed:
                pytest.skip("score_top_k is 0")
            bound = listed.get(ids[place])
            least = min(listed.values())
            if bound is None and score.logprob > least + self.score_tolerance:
                self.broken(
                    f"id {ids[place]} at place {place} is not in top and has {score.logprob:.4f}, "
                    f"more than the last there, {least:.4f}",
                    "score ids[i] by the logits after ids[:i]",
                )
            if bound is not None and abs(score.logprob - bound) > self.score_tolerance:
                self.broken(
                    f"id {ids[place]} at place {place} has {score.logprob:.4f}, and in top "
                    f"{bound:.4f}",
                    "score ids[i] by the logits after ids[:i]",
                )

    def test_greedy_tokens_score_best(self) -> None:
        """`score` and `generate` are one model: what greedy decoding chose has the best score at
        its place."""
        ids = self._continued()
        for place, score in enumerate(self._scored(ids, PROMPT), PROMPT):
            if not score.top:
                pytest.skip("score_top_k is 0")
            best = score.top[0][1]
            if dict(score.top).get(ids[place], score.logprob) < best - self.score_tolerance:
                self.broken(
                    f"greedy decoding chose {ids[place]} at place {place}; top is {score.top[:4]}",
                    "score ids[i] by the logits after ids[:i], not one place beside it",
                )

    def test_scores_do_not_depend_on_what_comes_later(self) -> None:
        """The score of an id depends on the ids before it alone: neither what follows, nor `first`,
        nor what was scored before changes it."""
        ids = self._continued()
        whole = self._scored(ids, 1)
        self._close(whole[:PROMPT], self._scored(ids[: PROMPT + 1], 1), "of the shorter text")
        self._close(whole[PROMPT - 1 :], self._scored(ids, PROMPT), f"with first = {PROMPT}")
        self._close(whole, self._scored(ids, 1), "asked again")

    def _close(self, left: Sequence[TokenScore], right: Sequence[TokenScore], what: str) -> None:
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            if abs(one.logprob - other.logprob) > self.score_tolerance:
                self.broken(
                    f"the {place + 1}. score is {one.logprob:.4f}, and {what} {other.logprob:.4f}",
                    "start each scoring from an empty cache, at position 0",
                )

    @property
    def _scorer(self) -> Bench:
        self.needs(Capability.SCORE)
        return self._bench("scoring")

    def _continued(self) -> tuple[int, ...]:
        """A prompt and its greedy continuation."""
        self.needs(Capability.TOKEN_IDS)
        (record,) = self.answered(self.request(PROMPT, PLAIN), bench=self._scorer)
        return (*self.prompt(PROMPT), *(record.token_ids or ()))

    def _scored(self, ids: Sequence[int], first: int) -> tuple[TokenScore, ...]:
        told = self._alive(lambda: self._scorer.score(ids, first, self.score_top_k))
        if told.failure is not None:
            self.broken(
                f"{len(ids)} ids from {first} on: {told.failure.message}",
                "score every text of at least two ids that fits the context",
            )
        scores: tuple[TokenScore, ...] = told.scores
        return scores
