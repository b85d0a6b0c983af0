"""An engine that a benchmark drives: a backend, and an environment that has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossbench.api import BackendSpec
from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.errors import CrossbenchError
from crossbench.registry import Registry


class Silent:
    """A build's progress that nobody watches."""

    def started(self, text: str) -> None:
        """Nothing is shown."""

    def line(self, text: str) -> None:
        """Nothing is shown."""

    def step(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def finished(self, text: str) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class Engine:
    """A backend and an environment that has it."""

    spec: BackendSpec
    environment: Environment

    @staticmethod
    def find(backend: str, python: Path | None) -> Engine:
        """The environment of an interpreter the user names, else the one crossbench has built."""
        spec = Registry().backend(backend).spec
        try:
            found = environment.resolve(
                spec, variant=None, python=python, progress=Silent(), build=False, deadline_s=60
            )
        except CrossbenchError as error:
            raise SystemExit(f"{error}; --python PATH names another interpreter") from error
        return Engine(spec, found)
