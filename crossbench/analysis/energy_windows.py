"""Times in which some tokens were made, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crossbench.analysis.cell import Cell
from crossbench.analysis.joules import WINDOW_S
from crossbench.analysis.sample import Sample
from crossbench.analysis.served import PAUSE_S, Course
from crossbench.analysis.sitting import Stay

Phase: TypeAlias = Literal["prefill", "decode", "requests"]
NS = 1e9
BUSY = 0.95
"""What of a row that is to be of one phase alone must have been spent on requests."""
UNWATCHED = "not-covered: some launches were not watched"
UNPROVEN = "unproven: how much of the prompt was computed is not known"
OVERLAP = "overlap: other requests ran meanwhile"
INVALID = (
    "invalid-requests: of some passes requests do not count, which took energy and gave no tokens"
)
PAUSES = f"pauses: less than {100 * BUSY:g} % of a window was spent on requests"


class Window(Struct, frozen=True, kw_only=True):
    """One such time, and its tokens."""

    launch: str
    stay: Stay
    begin_ns: int
    end_ns: int
    tokens: int
    alone: bool = False
    """Whether a phase was repeated there for its energy, and not timed."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_ns - self.begin_ns) / NS

    @property
    def long(self) -> bool:
        """Whether its energy is its own."""
        return self.seconds >= WINDOW_S and self.tokens > 0


def windows(
    phase: Phase, cell: Cell, watched: Mapping[str, Stay], course: Course
) -> tuple[list[Window], list[str]]:
    """Those of a cell that are long enough, and why others are not used; `course` is its own."""
    seen = [sample for sample in cell.valid if sample.worker in watched]
    reasons = [] if len(seen) == len(cell.valid) else [UNWATCHED]
    if phase == "requests":
        found = [_row(row, watched) for row in course.rows if row[0].worker in watched]
        return _long(phase, found, [*reasons, INVALID] if course.spoilt else reasons)
    timed = [sample for sample in seen if sample.line in course.alone]
    repeated = [each for each in cell.alone[phase] if each.worker in watched]
    reasons += [] if len(timed) == len(seen) else [OVERLAP]
    if phase == "prefill" and any(each.cached is None for each in (*timed, *repeated)):
        reasons.append(UNPROVEN)
        timed, repeated = _proven(timed), _proven(repeated)
    rows = list(_rows(each for each in repeated if each.fault is None))
    busy = [group for group in rows if _busy(group) >= BUSY]
    reasons += [] if len(busy) == len(rows) else [PAUSES]
    found = [_of_sample(phase, each, watched) for each in timed]
    return _long(phase, [*found, *(_repeated(phase, each, watched) for each in busy)], reasons)


def _long(
    phase: Phase, found: Sequence[Window], reasons: Sequence[str]
) -> tuple[list[Window], list[str]]:
    """Without the short ones: they need no word where their launch repeated the phase for them."""
    long = [each for each in found if each.long]
    filled = {each.launch for each in long if each.alone}
    counted = [each for each in found if each.long or each.launch not in filled]
    if len(long) == len(counted):
        return long, list(reasons)
    most = "" if long else f", the longest {max(each.seconds for each in counted):.2g} s"
    return long, [
        *reasons,
        f"window-too-short: {len(counted) - len(long)} of {len(counted)} windows of {phase} are "
        f"under {WINDOW_S:g} s{most}",
    ]


def _proven(samples: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.cached is not None]


def _of_sample(phase: Phase, sample: Sample, watched: Mapping[str, Stay]) -> Window:
    first_ns = sample.t0_ns + int(sample.ttft_s * NS)
    prefill = phase == "prefill"
    return Window(
        launch=sample.launch,
        stay=watched[sample.worker],
        begin_ns=sample.t0_ns if prefill else first_ns,
        end_ns=first_ns if prefill else sample.end_ns,
        tokens=_computed(sample) if prefill else sample.later_tokens,
    )


def _repeated(phase: Phase, row: Sequence[Sample], watched: Mapping[str, Stay]) -> Window:
    """Requests of one phase; of a short prompt's, all tokens are those of decoding."""
    tokens = sum(_computed(each) if phase == "prefill" else each.tokens for each in row)
    return replace(_row(row, watched), tokens=tokens, alone=True)


def _computed(sample: Sample) -> int:
    return sample.prompt_tokens - (sample.cached or 0)


# Rows


def _rows(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Repeats of a phase by one worker that follow each other without a pause."""
    row: list[Sample] = []
    end_ns = 0
    for sample in sorted(samples, key=_began):
        follows = row and sample.worker == row[-1].worker
        if not follows or (sample.t0_ns - end_ns) / NS > PAUSE_S:
            if row:
                yield row
            row, end_ns = [], 0
        row.append(sample)
        end_ns = max(end_ns, sample.end_ns)
    if row:
        yield row


def _row(row: Sequence[Sample], watched: Mapping[str, Stay]) -> Window:
    return Window(
        launch=row[0].launch,
        stay=watched[row[0].worker],
        begin_ns=row[0].t0_ns,
        end_ns=max(each.end_ns for each in row),
        tokens=sum(sample.tokens for sample in row),
    )


def _busy(row: Sequence[Sample]) -> float:
    """Share of a row's time that its requests took, one after the other."""
    seconds = (max(each.end_ns for each in row) - row[0].t0_ns) / NS
    return sum(sample.e2e_s for sample in row) / seconds if seconds else 0.0


def _began(sample: Sample) -> tuple[str, int]:
    return sample.worker, sample.t0_ns
