"""Which files of a hub repository are wanted: those that an engine reads, and no others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crossbench.artifacts.local import BESIDE_WEIGHTS, WEIGHTS
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.whereabouts import Purpose
from crossbench.errors import ArtifactFailure
from crossbench.headers.shards import models, shard
from crossbench.suggest import suggestion

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "config.json",
)
_SECOND_COPY = re.compile(r"consolidated[^/]*\.safetensors")
"""Mistral's own layout of weights that lie beside it in the usual one as well."""
_SHOWN = 12


def chosen(wanted: Hub, names: Sequence[str], purpose: Purpose) -> tuple[str, ...]:
    """The files of the repository that are wanted, sorted; the first part of a GGUF is first.

    Raises ArtifactFailure where the repository does not have them.
    """
    if wanted.file is not None:
        return _file(wanted, wanted.file, names)
    return _tokenizer(wanted, names) if purpose == "tokenizer" else _weights(wanted, names)


def _file(wanted: Hub, file: str, names: Sequence[str]) -> tuple[str, ...]:
    if file not in names:
        ggufs = models(list(names))
        raise ArtifactFailure(
            f"{wanted}: the repository has no file {file!r}{_near(file, names)}; "
            f"it has {_listed(ggufs or sorted(names))}"
        )
    found = shard(file)
    if found is None:
        return (file,)
    if found.index > 1:
        raise ArtifactFailure(
            f"{wanted}: this is a later part of a model; name the first one, {found.names[0]}"
        )
    if lacking := sorted(set(found.names) - set(names)):
        raise ArtifactFailure(
            f"{wanted}: the repository lacks parts of this model: {_listed(lacking)}; "
            "name another file or repository"
        )
    return found.names


def _tokenizer(wanted: Hub, names: Sequence[str]) -> tuple[str, ...]:
    if TOKENIZER_FILES[0] in names:
        return tuple(sorted(set(TOKENIZER_FILES) & set(names)))
    raise ArtifactFailure(
        f"{wanted}: the repository has no tokenizer.json; name the model's original repository, "
        'or write tokenizer = "artifact" to take the one inside a GGUF'
    )


def _weights(wanted: Hub, names: Sequence[str]) -> tuple[str, ...]:
    top = [name for name in names if "/" not in name and name.endswith(BESIDE_WEIGHTS)]
    weights = [name for name in top if name.endswith(WEIGHTS)]
    usual = [name for name in weights if not _SECOND_COPY.fullmatch(name)]
    if usual:
        return tuple(sorted(set(top) - set(weights) | set(usual)))
    if weights:
        return tuple(sorted(top))
    if ggufs := models(list(names)):
        raise ArtifactFailure(
            f"{wanted}: the repository holds GGUF files, and one must be named, such as "
            f"hf:{wanted.id}/{ggufs[0]}; it has {_listed(ggufs)}"
        )
    raise ArtifactFailure(
        f"{wanted}: the repository has neither safetensors nor GGUF files, only "
        f"{_listed(sorted(names)) or 'nothing'}; name one that has"
    )


def _near(file: str, names: Sequence[str]) -> str:
    """A near name, or a file of the folder or model that was named instead of one."""
    within = [name for name in models(list(names)) if name.startswith(file)]
    return f" (did you mean {within[0]!r}?)" if within else suggestion(file, names)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
