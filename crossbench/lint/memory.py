"""Whether models fit, and whence they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from crossbench.api import Finding
from crossbench.plan.model import Plan
from crossbench.report.words import counted, size

SLOW = {
    "spinning disk": "a spinning disk",
    "network": "a disk behind a network (under WSL2, a disk of Windows)",
}


def does_not_fit(plan: Plan) -> Iterator[Finding]:
    """Targets that run here and whose memory will not do."""
    for item in plan.targets:
        fit = plan.fits.get(item.target)
        if fit is not None and fit.fits is False:
            yield Finding(
                rule="does-not-fit",
                severity="risk",
                targets=(item.target,),
                evidence=fit.verdict,
                fix="change it as said, or free the memory first",
            )


def slow_disk(plan: Plan) -> Iterator[Finding]:
    """Artifacts on disks that read as slowly as 100 MB/s; a mapped file is read while it runs."""
    for item in plan.targets:
        storage = plan.storage.get(item.target)
        where = SLOW.get(storage.medium.value or "") if storage else None
        if storage and where:
            yield Finding(
                rule="slow-disk",
                severity="risk",
                targets=(item.target,),
                evidence=f"its artifact ({size(storage.bytes)}) lies on {where}",
                fix="move it to a local solid-state disk",
            )


def not_kept(plan: Plan) -> Iterator[Finding]:
    """Artifacts larger than the memory that is free: no launch finds them in the page cache."""
    host = plan.machine.host.value
    if host is None:
        return
    launches = plan.suite.protocol.launches
    for item in plan.targets:
        storage = plan.storage.get(item.target)
        if storage and storage.bytes > host.memory_available_bytes:
            yield Finding(
                rule="reads-from-disk",
                severity="risk",
                targets=(item.target,),
                evidence=f"its artifact takes {size(storage.bytes)} and "
                f"{size(host.memory_available_bytes)} of memory are free: "
                f"{counted(launches, 'launch')} read it from disk each time, and what is mapped "
                "and computed on the processor is read again for every token",
                fix="free memory, or take a smaller artifact",
            )


RULES: tuple[Callable[[Plan], Iterable[Finding]], ...] = (does_not_fit, slow_disk, not_kept)
