"""What a run was going to do, and on what: `run.json`, written once and before all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from crossbench.plan.artifact import Artifact
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection

SCHEMA = 3
"""3: passes under load, levels that were left out, replicas, backgrounds. 2: launches that are
burnt in, sentinels, what was left out for the budget, durations."""

Published: TypeAlias = Literal["whole", "without prompts"]


class Installed(Struct, frozen=True, kw_only=True):
    """An environment as it was used."""

    how: str
    """From prebuilt wheels ("wheel"), compiled here ("build"), the user's own ("named"), "host"."""
    versions: Mapping[str, str]
    """Distribution -> version."""


class Manifest(Struct, frozen=True, kw_only=True):
    """`run.json`: what was going to be done, and on what."""

    schema: int = SCHEMA
    crossbench: str
    definitions: int
    """Version of the metric definitions the run was made with."""
    started: str
    """UTC, ISO 8601."""
    command: tuple[str, ...]
    suite_text: str
    """The suite, verbatim."""
    plan: Plan
    selection: Selection
    artifacts: Mapping[str, Artifact]
    """Target -> what its artifact held."""
    environments: Mapping[str, Installed]
    """Target -> what its environment holds."""
    probing: bool | None = None
    """Whether the machine was to be read while it ran; None in runs made before that was done."""
    private: tuple[str, ...] = ()
    """Names of its host and user, and the user's home: written down to be kept out of reports."""
    published: Published | None = None
    """That this is a copy to be shown, and whether prompts and answers are in it; None for the run
    itself."""
    hidden: int = 0
    """How many names somebody asked to have taken out of this copy besides."""
