"""Models that Ollama has pulled: a manifest by name and tag, and the blob it points to.

Layout: `manifests/HOST/NAMESPACE/NAME/TAG` is an OCI manifest in JSON, whose layer of the media
type below is a GGUF in `blobs/sha256-<hex>` (Ollama's `manifest.go` and `server/modelpath.go`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from crossbench.artifacts.reference import Ollama
from crossbench.artifacts.whereabouts import Absent, Present
from crossbench.suggest import suggestion

MODEL = "application/vnd.ollama.image.model"
SERVICE = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models when its Linux installer made it a service."""


class _Layer(Struct):
    media_type: str = msgspec.field(name="mediaType")
    digest: Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]


class _Manifest(Struct):
    layers: list[_Layer]


def stores() -> list[Path]:
    """Where Ollama keeps models, in the order it is looked for."""
    if named := os.environ.get("OLLAMA_MODELS"):
        return [Path(named).expanduser()]
    return [Path.home() / ".ollama" / "models", SERVICE]


def look(wanted: Ollama) -> Present | Absent:
    """The GGUF that Ollama would load."""
    places = stores()
    try:
        for store in places:
            if (manifest := _manifest(store, wanted)).is_file():
                return _blob(store, manifest, wanted)
        known = [name for store in places for name in _names(store, wanted)]
    except OSError as error:
        return Absent(f"{wanted}: {error.filename} cannot be read: {error.strerror}")
    searched = " and ".join(map(str, places))
    held = f"; of {wanted.name} it has {', '.join(known)}" if known else ""
    return Absent(
        f"{wanted}: Ollama has no such model in {searched}{suggestion(wanted.tag, known)}{held}; "
        f"`ollama pull {str(wanted).partition(':')[2]}` fetches it, and OLLAMA_MODELS says where "
        "else it keeps models"
    )


def _manifest(store: Path, wanted: Ollama) -> Path:
    return store / "manifests" / wanted.host / wanted.space / wanted.name / wanted.tag


def _names(store: Path, wanted: Ollama) -> list[str]:
    folder = _manifest(store, wanted).parent
    return sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []


def _blob(store: Path, manifest: Path, wanted: Ollama) -> Present | Absent:
    try:
        layers = msgspec.json.decode(manifest.read_bytes(), type=_Manifest).layers
    except msgspec.DecodeError as error:
        return Absent(f"{wanted}: {manifest} is no manifest ({error}); pull the model again")
    models = [layer for layer in layers if layer.media_type == MODEL]
    if len(models) != 1:
        return Absent(
            f"{wanted}: it has {len(models)} GGUF files, and crossbench can use exactly one; "
            "give the path of the model's own files"
        )
    digest = models[0].digest
    for name in (digest.replace(":", "-"), digest):
        if (blob := store / "blobs" / name).is_file():
            return Present(str(blob))
    return Absent(f"{wanted}: its blob {digest} is not in {store / 'blobs'}; pull the model again")
