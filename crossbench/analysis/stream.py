"""What a record's chunks carried, whether as ids or as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.api import Finish
from crossbench.journal.events import SampleTaken
from crossbench.worker.protocol import Record

Counted: TypeAlias = Literal["ids", "usage", "text"]
OWN_COUNTS = ("reasoning_tokens", "drafted_tokens", "accepted_tokens")
"""Of `Finish`: what nobody but the engine can count."""


class Reasoned(Struct, frozen=True):
    """Requests in which reasoning came before the answer, so that TTFT is not the answer's."""

    requests: int = 0
    before: int = 0
    """Chunks before the first of the answer, of all of them."""
    chunks: int = 0

    def plus(self, record: Record) -> Reasoned:
        """With one request more."""
        return Reasoned(
            requests=self.requests + 1,
            before=self.before + record.reasoning_chunks,
            chunks=self.chunks + len(record.stamps_ns),
        )


def counted_by(record: Record) -> Counted:
    """Whence the number of its tokens is known."""
    if record.token_ids is not None or record.finish is None:
        return "ids"
    return record.finish.counted_by or ("usage" if any(record.counts) else "ids")


def tokens(record: Record) -> tuple[int, int]:
    """N and k1. Of text whose chunks nobody counted k1 is the first one's share of the bytes."""
    counts = _positive(record.counts)
    if record.token_ids is not None:
        return sum(counts), counts[0] if counts else 0
    total = record.finish.output_tokens if record.finish else None
    if counts:
        total = total or sum(counts)
        return total, min(total, counts[0])
    sizes = [size for size in record.text_bytes if size > 0]
    if not total or not sizes:
        return 0, 0
    return total, min(total, max(1, round(total * sizes[0] / sum(sizes))))


def content(event: SampleTaken) -> list[int]:
    """Stamps of the chunks that carried a token, in nanoseconds from t0."""
    stamps, amounts = event.record.stamps_ns, _amounts(event.record)
    if len(amounts) == len(stamps) and min(amounts, default=0) > 0:
        return list(stamps)
    return [stamp for stamp, amount in zip(stamps, amounts, strict=False) if amount > 0]


def chunks(event: SampleTaken) -> tuple[list[int], list[float]]:
    """The same, and how many of the N tokens each carried; of text that nobody counted a chunk's
    share of the bytes."""
    record, amounts = event.record, _amounts(event.record)
    told = _positive(amounts[: len(record.stamps_ns)])
    scale = tokens(record)[0] / (sum(told) or 1)
    return content(event), [amount * scale for amount in told]


def _amounts(record: Record) -> Sequence[int]:
    """What each chunk carried: tokens, or bytes of text that nobody counted."""
    counted = record.token_ids is not None or any(record.counts)
    return record.counts if counted else record.text_bytes


def _positive(amounts: Sequence[int]) -> Sequence[int]:
    return amounts if min(amounts, default=1) > 0 else [each for each in amounts if each > 0]


def engines_own(finish: Finish | None) -> Mapping[str, float]:
    """Its figures, and those counts of the contract that only an engine can make."""
    if finish is None:
        return {}
    if finish.reasoning_tokens is finish.drafted_tokens is finish.accepted_tokens is None:
        return finish.native
    counts = {name: getattr(finish, name) for name in OWN_COUNTS}
    return {**finish.native, **{name: told for name, told in counts.items() if told is not None}}
