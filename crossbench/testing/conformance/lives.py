"""Checks of loading and closing, and of what is left afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.api import Boundary
from crossbench.testing.conformance import life
from crossbench.testing.conformance.base import Checks
from crossbench.testing.conformance.life import Life
from crossbench.worker.failure import WorkerFailed


class LifeChecks(Checks):
    """Sessions from load to close, and the worker's end."""

    def test_description_tells_what_was_resolved(self) -> None:
        """`describe` tells a context that holds what `Needs` asked for, and devices by UUID or
        PCI address, none behind a server; `memory` speaks of those devices, and of the "cpu" that
        serves them."""
        loaded = self._alive(lambda: self.bench.ready).loaded
        context = loaded.context_tokens.value
        if context is not None and context < self.context_tokens:
            self.broken(
                f"the context holds {context} tokens and Needs asked for {self.context_tokens}",
                "size it by Needs.context_tokens, or raise Unsupported",
            )
        devices = [device.id for device in loaded.devices]
        hidden = loaded.boundary is Boundary.HTTP
        if not (devices or hidden) or any(not name or name.isdigit() for name in devices):
            self.broken(f"devices are {devices}", "name each by UUID or PCI address, not by index")
        memory = self._alive(self.bench.memory).memory
        if strangers := sorted(set(memory) - set(devices) - {"cpu"}):
            self.broken(
                f"memory() speaks of {', '.join(strangers)}; devices are {', '.join(devices)}",
                "use the ids of Loaded.devices as its keys",
            )

    def test_a_missing_artifact_is_an_engine_error(self) -> None:
        """A load that fails raises EngineError or one of its kinds, with the cause in its
        message."""
        life = self._life
        if life.missing != "EngineError":
            if life.failure and not life.missing:
                pytest.skip(f"nothing was loaded: {life.failure}")
            self.broken(
                f"loading a path that does not exist gave {life.missing}",
                "raise EngineError with the path and what is allowed",
            )

    def test_a_model_is_loaded_and_closed_again_and_again(self) -> None:
        """One process can load, generate and close several times, and load after a failed load."""
        if self._life.failure:
            self.broken(self._life.failure, "free in close() all that load() took")

    def test_memory_is_returned(self) -> None:
        """`close` frees the model: another load and close leaves no more resident than the one
        before."""
        self._lived()
        resident = self._life.resident
        if len(resident) < 2:
            pytest.skip(f"loads is {self.loads}; two are needed")
        growth_mib = (resident[-1] - resident[0]) / (len(resident) - 1) / 2**20
        if growth_mib > self.memory_growth_mib:
            told = ", ".join(f"{each / 2**20:.0f}" for each in resident)
            artifact = life.artifact_bytes(Path(self.artifact)) / 2**20
            self.broken(
                f"after each close {told} MiB were resident: {growth_mib:.1f} MiB more a load "
                f"(allowed {self.memory_growth_mib:g}; the artifact has {artifact:.0f} MiB)",
                "drop every reference to the model in close(); caches of the engine's own that do "
                "not grow for ever are allowed by memory_growth_mib",
            )

    def test_no_process_is_left(self) -> None:
        """Once the worker was asked to quit it exits with code 0, and no process that it started
        lives on, in its group or out of it."""
        self._lived()
        if self._life.left:
            self.broken(
                f"still alive: {'; '.join(self._life.left)}",
                "end in close() what load() started, and wait for it",
            )
        if self._life.exit_code != 0:
            self.broken(
                f"the worker ended with code {self._life.exit_code}",
                "stop threads and children in close(), so that the interpreter can exit",
            )

    def _lived(self) -> None:
        if self._life.failure:
            pytest.skip(f"it did not live that long: {self._life.failure}")

    @property
    def _life(self) -> Life:
        if "life" not in self._results:
            trial = self.request(17, 8, id="trial")
            try:
                self._results["life"] = life.lead(self.order(), self.loads, trial)
            except WorkerFailed as failed:
                self._results["life"] = Life(failure=str(failed))
        told: Life = self._results["life"]
        return told
