"""Checks of several requests at once, and of requests that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import pytest

from crossbench.api import Boundary, Capability
from crossbench.testing.conformance.base import STREAMS, Checks, output
from crossbench.testing.conformance.inside import ABORT
from crossbench.worker.protocol import Record

MOST_ABORTS = 16
TRIES = 4


class CrowdChecks(Checks):
    """With BATCH."""

    def test_several_requests_run_at_once(self) -> None:
        """With BATCH, requests are in flight together, each on an asynchronous iterator of its
        own."""
        self.needs(Capability.BATCH)
        for record in self.crowd:
            self.excuse(record)
            if record.failure is not None:
                self.broken(
                    f"one of {STREAMS} requests at once failed: {record.failure.message}",
                    "return asynchronous iterators, and serve Needs.streams of them at once",
                )
        if not _together(self.crowd) and not any(_together(self._longer()) for _ in range(TRIES)):
            if self._alive(lambda: self.bench.ready).loaded.boundary is Boundary.HTTP:
                pytest.skip("its requests are on the way together; this server answers one by one")
            self.broken(
                f"of {len(self.crowd)} requests with {STREAMS} in flight, each began to answer "
                "when the one before had finished",
                "serve them together, or do not declare BATCH",
            )

    def _longer(self) -> tuple[Record, ...]:
        """A crowd whose answers are as long as can be, and so meet on a busy machine too."""
        longest = self.context_tokens - 9 - STREAMS
        requests = [self.request(9 + salt, longest, salt=salt) for salt in range(STREAMS + 1)]
        return self.measured(*requests, streams=STREAMS)

    def test_streams_are_not_mixed_up(self) -> None:
        """With BATCH, what a request gives does not depend on what else is in flight."""
        self.needs(Capability.BATCH)
        for record in self.crowd:
            self.excuse(record, *self.crowd)
        same = [output(a) == output(b) for a, b in zip(self._alone, self.crowd, strict=True)]
        if self._mixed:
            place = same.index(False)
            self.broken(
                f"request {place + 1} gives {output(self._alone[place])} alone and "
                f"{output(self.crowd[place])} among {STREAMS}",
                "keep each request's state apart; if only rounding differs in a batch, set "
                "batch_exact = False",
            )

    def test_one_failure_leaves_the_other_streams_alone(self) -> None:
        """With BATCH, a request that is refused or aborted while others are in flight changes
        nothing for them."""
        self.needs(Capability.BATCH)
        if self._mixed:
            pytest.skip("its streams are mixed up as it is, as another check says")
        good = [self.request(9 + salt, salt=salt, id=f"good-{salt}") for salt in range(2)]
        refused = self.request(9, prompt_ids=(1, 2, 2**31 - 1), id="refused")
        aborted = self.request(11, salt=5, id=f"{ABORT}3-beside")
        alone = [self.answered(request)[0] for request in good]
        every = (good[0], aborted, refused, good[1])
        together = self.measured(*every, streams=STREAMS)
        for lone, record in zip(alone, (together[0], together[3]), strict=True):
            self.excuse(record, *self.crowd)
            if record.failure is not None:
                self.broken(
                    f"beside a refused and an aborted request, another one failed: "
                    f"{record.failure.message}",
                    "end only the request that failed",
                )
            if self.batch_exact and output(record) != output(lone):
                self.broken(
                    f"beside a refused and an aborted request, {output(lone)} became "
                    f"{output(record)}",
                    "free only what the failed request held",
                )

    @property
    def _alone(self) -> list[Record]:
        """The requests of the crowd, one after the other."""
        if "alone" not in self._results:
            requests = [self.request(9 + salt, salt=salt) for salt in range(STREAMS + 1)]
            self._results["alone"] = [self.answered(request)[0] for request in requests]
        records: list[Record] = self._results["alone"]
        return records

    @property
    def _mixed(self) -> bool:
        """Whether requests that ran at once gave something else than alone."""
        if any(record.failure for record in self.crowd):
            return False
        same = [output(a) == output(b) for a, b in zip(self._alone, self.crowd, strict=True)]
        return not (all(same) if self.batch_exact else sum(same) * 2 > len(same))


class AbortChecks(Checks):
    """A stream that is closed early."""

    def test_an_abort_frees_its_cache(self) -> None:
        """Closing a stream early, or before it began, aborts the request and frees its KV cache:
        any number of aborts later, the session serves as before."""
        before = output(self.answered(self.request())[0])
        length = self.context_tokens * 3 // 4
        rest = self.context_tokens - length - 1
        for number in range(self._aborts()):
            after = 0 if number == 0 else 2
            request = self.request(length, rest, salt=number, id=f"{ABORT}{after}-{number}")
            (record,) = self.measured(request)
            self.excuse(record)
            if record.failure is not None:
                self.broken(
                    f"after {number} aborted requests the next one failed: "
                    f"{record.failure.message}",
                    "free a request's cache in the iterator's close() or aclose(), as `finally` in "
                    "a generator does",
                )
        filled = self.request(length, rest, salt=40, id="whole")
        for request in (filled, self.request()):
            (record,) = self.measured(request)
            if record.failure is not None and record.failure.kind == "request":
                self.broken(
                    f"after {self._aborts()} aborted requests another failed: "
                    f"{record.failure.message}",
                    "free a request's cache in the iterator's close() or aclose()",
                )
        (again,) = self.answered(self.request())
        if output(again) != before:
            self.broken(
                f"after aborts a request gives {output(again)} instead of {before}",
                "empty the cache of an aborted request before the next one",
            )

    def _aborts(self) -> int:
        """Enough to fill the cache, where it is small and an abort leaks all it held."""
        told = self._alive(lambda: self.bench.ready).loaded.kv_capacity_tokens.value
        least = STREAMS + 2
        return max(least, min(MOST_ABORTS, (told or 0) // self.context_tokens + 2))


def _together(records: Iterable[Record]) -> bool:
    """Whether two of the answers came at one time."""
    spans = [_span(record) for record in records if record.stamps_ns]
    return any(
        begin < end and start < stop for (start, end), (begin, stop) in combinations(spans, 2)
    )


def _span(record: Record) -> tuple[int, int]:
    return record.t0_ns + record.stamps_ns[0], record.t0_ns + record.stamps_ns[-1]
