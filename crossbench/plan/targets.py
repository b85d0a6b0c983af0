"""Which targets can run here, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from crossbench.api import Aspect
from crossbench.artifacts.local import read_by_engines
from crossbench.artifacts.sizes import sized
from crossbench.artifacts.whereabouts import Absent, Fetchable, Present, Whereabouts
from crossbench.errors import InputError
from crossbench.machine.model import GIB, Machine
from crossbench.plan.company import crowded
from crossbench.plan.model import Equipment, Exclusion, Lacking, NonResult, TargetPlan
from crossbench.plan.options import options_type
from crossbench.plan.selection import Selection
from crossbench.registry import Provided, Registry
from crossbench.suite.model import Target


def judged(
    target: Target,
    registry: Registry,
    machine: Machine,
    equipment: Equipment | Lacking | None,
    place: Whereabouts | None,
    selection: Selection,
) -> TargetPlan | Exclusion:
    """What the target needs before it runs, or the first reason why it does not."""

    def excluded(word: NonResult, reason: str) -> Exclusion:
        return Exclusion(target=target.name, scenario=None, word=word, reason=reason)

    if not selection.takes("target", target):
        return excluded("skipped", "not selected")
    try:
        provided = registry.backend(target.backend)
        options_type(provided)
    except InputError as error:
        return excluded("unavailable", str(error))
    if (code := _code(target, provided)) and not selection.trust:
        return excluded("skipped", f"it names {code}, which are used only with --trust")
    if lacking := _lacking(target, machine) or _absence(place):
        return excluded("unavailable", lacking)
    if not isinstance(equipment, Equipment):
        return excluded("unavailable", equipment.reason if equipment else "no environment is known")
    return TargetPlan(
        target=target.name,
        backend=target.backend,
        plugin=str(provided.origin),
        distributions=provided.spec.distributions,
        variant=equipment.variant,
        requires=selection.requires(target),
        aspects=_aspects(target, provided),
        fetch=place if isinstance(place, Fetchable) else None,
        artifact_bytes=_bytes(place),
        how=equipment.how,
    )


def _bytes(place: Whereabouts | None) -> int | None:
    """What an engine reads of it, or what of that is still to be fetched."""
    if isinstance(place, Fetchable):
        return place.bytes
    if isinstance(place, Present):
        with suppress(OSError):
            return sum(file.stat().st_size for file in read_by_engines(Path(place.path)))
    return None


def _absence(place: Whereabouts | None) -> str | None:
    """Why the artifact cannot be had, or None."""
    if isinstance(place, Absent):
        return place.reason
    if isinstance(place, Fetchable) and place.bytes is not None and not place.fits:
        return (
            f"its artifact takes {sized(place.bytes)} more, and {sized(place.free)} are free where "
            "it would be kept; make room, or move the cache by HF_HOME"
        )
    return None


def _code(target: Target, provided: Provided) -> str:
    """What of the target can run code of the suite's choosing, in words; empty for nothing."""
    programs = [
        f"a program to start ({option})"
        for option in provided.spec.commands
        if target.options.get(option)
    ]
    return " and ".join(filter(None, (target.code, *programs)))


def _aspects(target: Target, provided: Provided) -> Mapping[Aspect, Any]:
    options = msgspec.convert(dict(target.options), options_type(provided))
    named = provided.spec.aspects.items()
    return {aspect: getattr(options, option, None) for aspect, option in named}


def _lacking(target: Target, machine: Machine) -> str | None:
    """What the machine lacks of what the target says it needs, or None."""
    needs = target.needs
    if needs.platform is not None and needs.platform != machine.platform:
        return f"it needs {needs.platform}; this machine is {machine.platform}"
    if needs.cuda > len(machine.cuda_devices):
        return f"it needs {needs.cuda} CUDA devices; this machine has {len(machine.cuda_devices)}"
    memory_gib = machine.memory_bytes / GIB
    if needs.memory_gib > memory_gib:
        return f"it needs {needs.memory_gib:g} GiB of memory; this machine has {memory_gib:.1f} GiB"
    return crowded(target, machine)
