"""ggml's graph allocator, without the memory: how large each device's compute buffer becomes.

The rules are those of `ggml-alloc.c` (ggml 0.25): inputs are placed before all else, a tensor in
the smallest hole that holds it or else at the end, an elementwise result over its operand where
nobody else needs that, and what nobody needs any more leaves a hole. So sizes agree to the byte
where the graph does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

ENDLESS = 1 << 62


class Tensor:
    """A result of the graph, or an input to it. Its size is in bytes."""

    __slots__ = ("at", "device", "input", "kept", "over", "size", "sources", "users")

    def __init__(
        self,
        size: int,
        device: int,
        sources: tuple[Tensor, ...] = (),
        *,
        over: tuple[Tensor, ...] = (),
        input: bool = False,
        kept: bool = False,
    ) -> None:
        """`over`: sources whose memory it may take over. `kept`: never freed, as outputs are."""
        self.size = size
        self.device = device
        self.sources = sources
        self.over = over
        self.input = input
        self.kept = kept
        self.users = 0
        self.at: int | None = None


class Pool:
    """The address space of one device's buffer."""

    def __init__(self, alignment: int) -> None:
        self.alignment = alignment
        self.high = 0
        """The size the buffer needs."""
        self._holes: list[list[int]] = [[0, ENDLESS]]

    def take(self, size: int) -> int:
        """The offset of a new block."""
        size = self._padded(size)
        fitting = [hole for hole in self._holes[:-1] if hole[1] >= size]
        hole = min(reversed(fitting), key=lambda hole: hole[1]) if fitting else self._holes[-1]
        offset = hole[0]
        hole[0] += size
        hole[1] -= size
        if not hole[1]:
            self._holes.remove(hole)
        self.high = max(self.high, offset + size)
        return offset

    def give_back(self, offset: int, size: int) -> None:
        """Leave a hole, joined with those beside it."""
        holes = [*self._holes, [offset, self._padded(size)]]
        holes.sort()
        self._holes = [holes[0]]
        for hole in holes[1:]:
            last = self._holes[-1]
            if last[0] + last[1] == hole[0]:
                last[1] += hole[1]
            else:
                self._holes.append(hole)

    def _padded(self, size: int) -> int:
        return -(-size // self.alignment) * self.alignment


def buffers(graph: Iterable[Tensor], alignment: int) -> dict[int, int]:
    """Device -> bytes of its compute buffer, for tensors in the order they are computed in."""
    pools: defaultdict[int, Pool] = defaultdict(lambda: Pool(alignment))
    order = list(graph)
    for tensor in order:
        for source in tensor.sources:
            source.users += 1
        if tensor.input:
            tensor.at = pools[tensor.device].take(tensor.size)
    for tensor in order:
        if tensor.at is None and tensor.size:
            _place(tensor, pools[tensor.device])
        for source in tensor.sources:
            source.users -= 1
            if not source.users and not source.kept and source.at is not None:
                pools[source.device].give_back(source.at, source.size)
                source.at = None
    return {device: pool.high for device, pool in pools.items()}


def _place(tensor: Tensor, pool: Pool) -> None:
    for source in tensor.over:
        if source.users == 1 and not source.kept and source.at is not None:
            tensor.at, source.at = source.at, None
            return
    tensor.at = pool.take(tensor.size)
