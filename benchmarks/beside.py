"""An engine's plain loops beside its plugin: in one worker, on one loaded model.

Two processes that load the same model differ by the luck of where its weights lie in memory, by
several per cent a launch. Here the plain loop runs on the very objects that the plugin has loaded,
so that what differs is what crossbench adds. The worker loads it as its backend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from crossbench.api import Chunk, Finish, Generation, Request, Session

LIBRARY = "CROSSBENCH_BENCHMARK_LOOP"
"""The environment variable that names a loop's compiled library, where it is not Python's."""


class Timed(NamedTuple):
    """What a plain loop stamped itself, in nanoseconds from the prompt being at hand."""

    first_ns: int
    last_ns: int
    ids: Sequence[int]

    def chunk(self) -> Chunk:
        """All of it at once: the loop's own stamps travel as the engine's own figures."""
        native = {"first_ns": float(self.first_ns), "last_ns": float(self.last_ns)}
        return Chunk(tuple(self.ids), finish=Finish(reason="length", native=native))


class PlainLoop(Protocol):
    """Continues one prompt and yields the one chunk of a `Timed`."""

    def __call__(self, request: Request) -> Generation:
        """Run it."""
        ...


class Beside:
    """A session that also obeys requests named after one of its loops."""

    def __init__(self, session: Session, loops: Mapping[str, PlainLoop]) -> None:
        self._session = session
        self._loops = loops

    def generate(self, request: Request) -> Generation:
        """The plugin's stream as it is, or the loop's one chunk."""
        loop = self._loops.get(request.id)
        return self._session.generate(request) if loop is None else loop(request)

    def __getattr__(self, name: str) -> Any:
        """All else is the plugin's."""
        return getattr(self._session, name)
