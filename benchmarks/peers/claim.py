"""What a client says it measured of one request, held against what the server did."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct

from benchmarks.peers.truth import Sent


class Claim(Struct, frozen=True, kw_only=True):
    """One request by a client's own export."""

    number: int | None
    """That of the answer's text, from a client that exports it."""
    header: str | None
    """The `X-Request-ID` it sent, from one that exports that."""
    ttft_ns: float
    tpot_ns: float


class Errors(Struct, frozen=True, kw_only=True):
    """Of one metric over all requests of a run."""

    bias_ns: float
    """Mean of what was claimed less what was true."""
    bias: float
    """As a part of what was true."""
    p99_ns: float
    """99th percentile of the absolute difference."""
    worst_ns: float


class Score(Struct, frozen=True, kw_only=True):
    """One client at one load."""

    requests: int
    ttft: Errors
    tpot: Errors

    @property
    def worst_bias(self) -> float:
        """The larger of the two, without its sign."""
        return max(abs(self.ttft.bias), abs(self.tpot.bias))


class Unmatched(Exception):
    """A client's export is not of the requests that the server answered."""


def score(claims: Sequence[Claim], sent: Sequence[Sent]) -> Score:
    """Hold each claim against the request it is about. Raises Unmatched."""
    numbers = {one.number: one for one in sent}
    headers = {one.header: one for one in sent if one.header is not None}
    pairs = []
    for claim in claims:
        found = headers.get(claim.header) if claim.header else numbers.get(claim.number or 0)
        if found is None:
            raise Unmatched(f"no request was sent as {claim.header or claim.number}")
        pairs.append((claim, found))
    if len({one.number for _, one in pairs}) != len(pairs) or not pairs:
        raise Unmatched(f"{len(pairs)} claims are of fewer requests")
    return Score(
        requests=len(pairs),
        ttft=errors([(claim.ttft_ns, one.ttft_ns) for claim, one in pairs]),
        tpot=errors([(claim.tpot_ns, one.tpot_ns) for claim, one in pairs]),
    )


def errors(pairs: Sequence[tuple[float, float]]) -> Errors:
    """Of claimed and true values, in nanoseconds."""
    differences = [claimed - true for claimed, true in pairs]
    sizes = sorted(map(abs, differences))
    return Errors(
        bias_ns=fmean(differences),
        bias=fmean(differences) / fmean(true for _, true in pairs),
        p99_ns=sizes[min(len(sizes) - 1, int(0.99 * len(sizes)))],
        worst_ns=sizes[-1],
    )
