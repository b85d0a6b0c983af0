"""Why nothing is known of what a probe was to read while samples were timed."""

from __future__ import annotations

from collections.abc import Sequence

from crossbench.analysis.span import Span

UNREAD = "no probe read it"
UNWATCHED = "nobody read while its samples were timed"
STOPPED = "nothing was read any more when its samples were timed"
BETWEEN = "its samples fell between two readings"
FAILED = "each of its readings failed"


def unread(
    spans: Sequence[Span], probe: str, *channels: tuple[str, str], absent: str | None = None
) -> str:
    """Why none of these channels (device and quantity), which that probe reads, tells anything.

    `absent` is why nothing was read in the whole run, None where something was.
    """
    if not spans:
        return absent or UNWATCHED
    known = [span for span in spans if any(span.knows(*channel) for channel in channels)]
    if known:
        if any(span.stamps_s for span in known):
            return FAILED
        return STOPPED if all(span.stopped for span in known) else BETWEEN
    probes = [each for span in spans for each in span.stay.sitting.probes if each.name == probe]
    if not probes:
        return UNREAD
    return next(filter(None, (each.absent for each in probes)), f"the probe {probe} tells nothing")
