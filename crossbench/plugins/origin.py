"""Where a plugin comes from, and what is wrong with it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Literal, TypeAlias

from msgspec import Struct

GROUP_PREFIX = "crossbench.v"

Stage: TypeAlias = Literal["contract", "import", "register", "call", "declaration", "name"]


class Origin(Struct, frozen=True, kw_only=True, order=True):
    """A plugin and the distribution that brings it."""

    plugin: str
    """Name of its entry point."""
    distribution: str
    version: str
    contract: str = ""
    """The version of the contract it is built for, such as "1"."""

    def __str__(self) -> str:
        """`plugin (distribution version)`."""
        return f"{self.plugin} ({self.distribution} {self.version})"


class PluginProblem(Struct, frozen=True, kw_only=True):
    """Why a plugin, or one thing that it declares, is left out."""

    origin: Origin
    stage: Stage
    cause: str

    def __str__(self) -> str:
        """One sentence for the user."""
        return f"plugin {self.origin} is left out at stage {self.stage!r}: {self.cause}"


class Broken(Exception):
    """A stage failed; the message is the cause."""

    def __init__(self, stage: Stage, cause: str) -> None:
        super().__init__(cause)
        self.stage: Stage = stage


def origin(point: EntryPoint) -> Origin:
    """Who stands behind an entry point."""
    distribution = point.dist
    return Origin(
        plugin=point.name,
        distribution=distribution.name if distribution else "unknown distribution",
        version=distribution.version if distribution else "unknown version",
        contract=point.group.removeprefix(GROUP_PREFIX),
    )
