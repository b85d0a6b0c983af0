"""What a record's chunks carried, whether as ids or as text."""

from __future__ import annotations

from typing import Literal, TypeAlias

from crossbench.journal import SampleTaken
from crossbench.worker.protocol import Record

Counted: TypeAlias = Literal["ids", "usage", "text"]


def counted_by(record: Record) -> Counted:
    """Whence the number of its tokens is known."""
    if record.token_ids is not None or record.finish is None:
        return "ids"
    return record.finish.counted_by or "ids"


def tokens(record: Record) -> tuple[int, int]:
    """N and k1. Of a stream of text k1 is the first chunk's share of the bytes."""
    if record.token_ids is not None:
        counts = [count for count in record.counts if count > 0]
        return sum(counts), counts[0] if counts else 0
    total = record.finish.output_tokens if record.finish else None
    sizes = [size for size in record.text_bytes if size > 0]
    if not total or not sizes:
        return 0, 0
    return total, min(total, max(1, round(total * sizes[0] / sum(sizes))))


def content(event: SampleTaken) -> list[int]:
    """Stamps of the chunks that carried a token, in nanoseconds from t0."""
    record = event.record
    amounts = record.counts if record.token_ids is not None else record.text_bytes
    return [stamp for stamp, amount in zip(record.stamps_ns, amounts, strict=False) if amount > 0]
