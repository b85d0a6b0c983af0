"""`python -m crossbench.machine.sampler PARENT FILE INTERVAL_S NAME=FACTORY ...`: reads probes.

It runs beside the timed processes at the lowest priority, does what its standard input says
("see", "watch PID,... LAUNCH", "look", "rest", each followed by a reading), and ends with it: a
host that is gone leaves no sampler behind, not even one that hangs in a driver.
"""

from __future__ import annotations

import importlib
import os
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from crossbench.api import Channel, Probe, ProbeAbsent
from crossbench.machine import facts, nvidia
from crossbench.machine.orphan import leave_with
from crossbench.machine.probes.tree import TreeProbe
from crossbench.machine.reading import Reading
from crossbench.machine.telemetry import Closed, Event, Opened, Probed, Seen, Tick, Watched
from crossbench.secrets import unsaid

LOWEST = 19
NS = 10**9


class Sampler:
    """The probes of one process and the file that they are written to."""

    def __init__(self, file: BinaryIO, interval_s: float, factories: Sequence[tuple[str, str]]):
        self._file = file
        self._interval_ns = int(interval_s * NS)
        self._probes: list[tuple[Probe, int]] = []
        self._encoder = msgspec.json.Encoder()
        self._ticks = self._missed = 0
        opened = tuple(self._open(name, factory) for name, factory in factories)
        self._began_ns = time.perf_counter_ns()
        self._before_s = time.process_time()
        self._write(Opened(at_ns=self._began_ns, interval_s=interval_s, probes=opened))

    def run(self, commands: BinaryIO) -> None:
        """Read until `commands` end."""
        due = time.perf_counter_ns()
        pending = b""
        while True:
            wait_s = max(0, due - time.perf_counter_ns()) / NS
            if select.select([commands], [], [], wait_s)[0]:
                said = os.read(commands.fileno(), 4096)
                if not said:
                    break
                *lines, pending = (pending + said).split(b"\n")
                for line in lines:
                    self._obey(line.decode())
                    self._tick()
            if time.perf_counter_ns() >= due:
                self._tick()
                late = (time.perf_counter_ns() - due) // self._interval_ns
                self._missed += late
                due += (late + 1) * self._interval_ns
        self._close()

    def _open(self, name: str, factory: str) -> Probed:
        module, _, attribute = factory.partition(":")
        try:
            probe: Probe = getattr(importlib.import_module(module), attribute)()
            channels = msgspec.convert(
                msgspec.to_builtins(tuple(probe.open())), tuple[Channel, ...]
            )
        except ProbeAbsent as absent:
            return Probed(name=name, absent=unsaid(str(absent)))
        except Exception as error:  # noqa: BLE001 - a probe may be a stranger's
            said = unsaid(f"{type(error).__name__}: {error}")
            return Probed(name=name, absent=f"it broke: {said}")
        self._probes.append((probe, len(channels)))
        return Probed(name=name, channels=channels)

    def _obey(self, line: str) -> None:
        word, *rest = line.split(" ", 2)
        if word == "see":
            self._see()
        if word in ("look", "see"):
            return
        roots, launch = (rest[0].split(","), rest[1]) if word == "watch" else ([], None)
        for probe, _ in self._probes:
            if isinstance(probe, TreeProbe):
                probe.watch(*map(int, roots))
        self._write(Watched(at_ns=time.perf_counter_ns(), launch=launch))

    def _see(self) -> None:
        """Write down the facts of the machine as it is now."""
        try:
            seen = Reading(facts.observe(devices=nvidia.observe))
        except Exception as error:  # noqa: BLE001 - a fact that cannot be read costs no sample
            seen = Reading(reason=f"{type(error).__name__}: {error}")
        self._write(Seen(at_ns=time.perf_counter_ns(), machine=seen))

    def _tick(self) -> None:
        before = time.perf_counter_ns()
        values = [value for probe, count in self._probes for value in _values(probe, count)]
        took = time.perf_counter_ns() - before
        self._write(Tick(at_ns=before, took_ns=took, values=tuple(values)))
        self._ticks += 1

    def _close(self) -> None:
        self._see()
        for probe, _ in self._probes:
            probe.close()
        now = time.perf_counter_ns()
        self._write(
            Closed(
                at_ns=now,
                ticks=self._ticks,
                missed=self._missed,
                cpu_s=time.process_time() - self._before_s,
                wall_s=(now - self._began_ns) / NS,
            )
        )

    def _write(self, event: Event) -> None:
        """One line, handed to the operating system; msgspec writes what is not finite as null."""
        self._file.write(self._encoder.encode(event) + b"\n")
        self._file.flush()


def _values(probe: Probe, count: int) -> Sequence[float | None]:
    """What it reads; of a probe that breaks or says what is no number, nothing of this tick."""
    try:
        values = [None if value is None else float(value) for value in probe.read()]
    except Exception:  # noqa: BLE001 - a probe may be a stranger's
        return [None] * count
    return values if len(values) == count else [None] * count


def main(arguments: Sequence[str]) -> None:
    """Sample as the arguments say until standard input ends."""
    parent, path, interval_s, *named = arguments
    os.nice(LOWEST)
    leave_with(int(parent))
    pairs = [(name, factory) for name, _, factory in (each.partition("=") for each in named)]
    with Path(path).open("ab") as file:
        if file.tell():
            file.write(b"\n")  # an earlier sampler may have been killed within a line
        Sampler(file, float(interval_s), pairs).run(sys.stdin.buffer)


if __name__ == "__main__":
    main(sys.argv[1:])
