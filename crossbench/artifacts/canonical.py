"""The canonical tokenizer of a suite, wherever the suite says it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from crossbench.artifacts.fetch import fetch
from crossbench.artifacts.look import look
from crossbench.artifacts.patience import Patience
from crossbench.artifacts.reference import HUB
from crossbench.artifacts.settings import HubSettings, hub_settings
from crossbench.artifacts.tokenizer import read_tokenizer
from crossbench.artifacts.whereabouts import Present
from crossbench.envs.progress import Progress
from crossbench.errors import ArtifactFailure, InputError
from crossbench.prompts.folder import TokenizerFolder

OF_ARTIFACT = "artifact"


def canonical(
    written: str,
    artifacts: Iterable[str],
    progress: Progress,
    *,
    settings: HubSettings | None = None,
    patience: Patience | None = None,
) -> TokenizerFolder:
    """What `tokenizer = "..."` names; `artifacts` are the targets', in the suite's order.

    A hub's tokenizer is fetched without its weights. Raises ArtifactFailure where it cannot be had
    now, InputError where it is none.
    """
    if written != OF_ARTIFACT:
        place = fetch(written, progress, purpose="tokenizer", settings=settings, patience=patience)
        return read_tokenizer(place.path)
    return _of_artifacts(tuple(artifacts), settings)


def _of_artifacts(artifacts: tuple[str, ...], settings: HubSettings | None) -> TokenizerFolder:
    """Of the first that is here and has one; none is fetched for it."""
    if settings is None and any(written.startswith(HUB) for written in artifacts):
        settings = hub_settings()
    found = look(artifacts, settings=settings and replace(settings, offline=True))
    refusals: list[InputError] = []
    for where in found.values():
        if isinstance(where, Present):
            try:
                return read_tokenizer(Path(where.path))
            except InputError as error:
                refusals.append(error)
    if refusals:
        raise refusals[0]
    raise ArtifactFailure(
        'tokenizer = "artifact": none of the artifacts is on this machine, so their tokenizer is '
        'not known yet; name it by itself, as in tokenizer = "hf:OWNER/REPO"'
    )
