"""The artifacts of a plan's targets: looked for when planning, had and hashed before running."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from crossbench.artifacts.canonical import OF_ARTIFACT
from crossbench.artifacts.fetch import fetch
from crossbench.artifacts.headers import headers
from crossbench.artifacts.identify import identify
from crossbench.artifacts.look import Wanted, look_for
from crossbench.artifacts.whereabouts import Headed, Unread, Whereabouts
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure
from crossbench.plan.artifact import Artifact
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from crossbench.suite.model import Suite


class Supplies(Struct, frozen=True, kw_only=True):
    """What was had of a plan's artifacts, by target."""

    held: Mapping[str, Artifact]
    paths: Mapping[str, str]
    """What the engine is given."""
    refused: Mapping[str, str]
    """Why an artifact cannot be had or read."""


class Places(Struct, frozen=True, kw_only=True):
    """Where everything is that a suite names on disk or hub, and what is known of it."""

    artifacts: Mapping[str, Whereabouts]
    """By the artifact as written."""
    headers: Mapping[str, Headed | Unread]
    """By the artifact as written."""
    tokenizer: Whereabouts | None
    """None of one that a target's artifact carries."""


def find(suite: Suite, selection: Selection) -> Places:
    """Ask once for all; fetches nothing but headers. Raises InputError."""
    taken = [target.artifact for target in suite.targets if selection.takes("target", target)]
    wanted: list[Wanted] = [(written, "weights") for written in taken]
    tokenizer: Wanted | None = None
    if suite.model.tokenizer != OF_ARTIFACT:
        tokenizer = (suite.model.tokenizer, "tokenizer")
    found = look_for([*wanted, tokenizer] if tokenizer else wanted)
    artifacts = {written: found[written, purpose] for written, purpose in wanted}
    return Places(
        artifacts=artifacts,
        headers=headers(artifacts),
        tokenizer=found[tokenizer] if tokenizer else None,
    )


def supply(plan: Plan, progress: Progress) -> Supplies:
    """Fetch, verify and hash; what several targets share is had once."""
    written = {target.name: target.artifact for target in plan.suite.targets}
    wanted = {planned.target: written[planned.target] for planned in plan.targets}
    known: dict[str, tuple[Artifact, str]] = {}
    refused: dict[str, str] = {}
    for reference in dict.fromkeys(wanted.values()):
        try:
            fetched = fetch(reference, progress)
            found = identify(fetched.path, progress)
            known[reference] = (replace(found, commit=fetched.commit), str(fetched.path))
        except ArtifactFailure as failure:
            refused[reference] = str(failure)
        except OSError as error:
            refused[reference] = f"the artifact {reference} cannot be read: {error.strerror}"
    had = {target: known[each] for target, each in wanted.items() if each in known}
    return Supplies(
        held={target: artifact for target, (artifact, _) in had.items()},
        paths={target: path for target, (_, path) in had.items()},
        refused={target: refused[each] for target, each in wanted.items() if each in refused},
    )
