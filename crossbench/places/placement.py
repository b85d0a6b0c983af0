"""Which processors and CUDA devices each process of a launch may use: nothing is given to two.

Replicas of a target, and a background beside it, each get a place of their own, so that what one of
them costs the other is never that they were put on the same core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from crossbench.suite.tables.target import TargetNeeds

Cores: TypeAlias = tuple[tuple[int, ...], ...]
"""The processors that the operating system counts, by the core they are threads of."""


class Crowded(Exception):
    """There is less than what each process is to have for itself; the message says of what."""


class Place(Struct, frozen=True, kw_only=True):
    """Where one process may run."""

    cpus: tuple[int, ...] = ()
    """Processors it is held to; empty where it is held to none."""
    cuda: tuple[str, ...] | None = None
    """CUDA devices it sees, as CUDA_VISIBLE_DEVICES names them; None for all that the host sees."""

    @property
    def told(self) -> str:
        """In words, such as "processors 0, 1"; empty where it is held to nothing."""
        parts = []
        if self.cpus:
            noun = "processor" if len(self.cpus) == 1 else "processors"
            parts.append(f"{noun} {', '.join(map(str, self.cpus))}")
        if self.cuda:
            noun = "CUDA device" if len(self.cuda) == 1 else "CUDA devices"
            parts.append(f"{noun} {', '.join(self.cuda)}")
        return " and ".join(parts)


class Room(Struct, frozen=True, kw_only=True):
    """What is there to be given."""

    cores: Cores = ()
    """Empty where this platform can hold no process to a processor."""
    cuda: tuple[str, ...] = ()


def places(
    needs: TargetNeeds, replicas: int, room: Room, *, beside: TargetNeeds | None = None
) -> tuple[tuple[Place, ...], Room]:
    """A place for each replica, and the room that is left; `beside` is what a background needs.

    Where `needs.cpus` is not written, replicas on processors divide them equally, with an equal
    share for a background; a target that is alone, or on CUDA devices, is then held to none. Each
    sees `needs.cuda` CUDA devices; a target that is alone and needs none sees all. Raises Crowded.
    """
    alone = replicas == 1 and beside is None
    cuda, left = _devices(needs, replicas, room.cuda)
    cpus, cores = _processors(needs, replicas, room.cores, beside, alone=alone)
    given = tuple(
        Place(cpus=held, cuda=seen if needs.cuda or not alone else None)
        for held, seen in zip(cpus, cuda, strict=True)
    )
    return given, Room(cores=cores, cuda=left)


def background_place(needs: TargetNeeds, room: Room, *, held: bool) -> Place:
    """A place in what the replicas left, `held` telling whether they are held to processors.

    A background on processors takes `needs.cpus` of those left, or all of them. Raises Crowded.
    """
    (seen,), _ = _devices(needs, 1, room.cuda)
    if held and not room.cores and not needs.cuda:
        raise Crowded("no processor is left for it")
    if not room.cores or not (needs.cpus or (held and not needs.cuda)):
        return Place(cuda=seen)
    if not needs.cpus:
        return Place(cpus=_joined(room.cores), cuda=seen)
    units, _ = _units(room.cores, needs.cpus)
    return Place(cpus=_joined(units[: needs.cpus]), cuda=seen)


def _devices(
    needs: TargetNeeds, count: int, cuda: Sequence[str]
) -> tuple[list[tuple[str, ...] | None], tuple[str, ...]]:
    """A group of devices for each process, and those left; None where the machine has none."""
    wanted = needs.cuda * count
    if wanted > len(cuda):
        raise Crowded(f"{wanted} CUDA devices are needed and {len(cuda)} are left")
    if not cuda and not needs.cuda:
        return [None] * count, ()
    groups = [tuple(cuda[at * needs.cuda : (at + 1) * needs.cuda]) for at in range(count)]
    return list(groups), tuple(cuda[wanted:])


def _processors(
    needs: TargetNeeds, count: int, cores: Cores, beside: TargetNeeds | None, *, alone: bool
) -> tuple[list[tuple[int, ...]], Cores]:
    if not cores or not (needs.cpus or not (alone or needs.cuda)):
        return [()] * count, cores
    if needs.cpus:
        wanted = needs.cpus * count + (beside.cpus if beside else 0)
        units, rest = _units(cores, wanted)
        share = needs.cpus
    else:
        parts = count + (beside is not None and not beside.cuda)
        units = cores if len(cores) >= parts else _threads(cores)
        if len(units) < parts:
            raise Crowded(f"{parts} processes need a processor each and {len(units)} are there")
        share, rest = len(units) // parts, units
    groups = [_joined(units[at * share : (at + 1) * share]) for at in range(count)]
    return groups, rest[count * share :]


def _units(cores: Cores, wanted: int) -> tuple[Cores, Cores]:
    """So many processors that share as little as can be, and what is cut where they are.

    One thread a core where there are cores enough, whose other threads are then left idle; else
    every thread. Raises Crowded.
    """
    if wanted <= len(cores):
        return tuple(core[:1] for core in cores), cores
    threads = _threads(cores)
    if wanted > len(threads):
        raise Crowded(f"{wanted} processors are needed and {len(threads)} are there")
    return threads, threads


def _threads(cores: Cores) -> Cores:
    return tuple((cpu,) for core in cores for cpu in core)


def _joined(units: Cores) -> tuple[int, ...]:
    return tuple(sorted(cpu for unit in units for cpu in unit))
