"""What a client says it measured of each request, laid beside what the server did."""

from __future__ import annotations

from collections.abc import Sequence

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


class Pair(Struct, frozen=True, kw_only=True):
    """One request, as claimed and as it was."""

    claimed: Claim
    sent: Sent


class Unmatched(Exception):
    """A client's export is not of the requests that the server answered."""


def matched(claims: Sequence[Claim], sent: Sequence[Sent]) -> tuple[Pair, ...]:
    """Each claim with the request it is about. Raises Unmatched."""
    numbers = {one.number: one for one in sent}
    headers = {one.header: one for one in sent if one.header is not None}
    pairs = []
    for claim in claims:
        found = headers.get(claim.header) if claim.header else numbers.get(claim.number or 0)
        if found is None:
            raise Unmatched(f"no request was sent as {claim.header or claim.number}")
        pairs.append(Pair(claimed=claim, sent=found))
    if len({pair.sent.number for pair in pairs}) != len(pairs) or not pairs:
        raise Unmatched(f"{len(pairs)} claims are of fewer requests")
    return tuple(pairs)
