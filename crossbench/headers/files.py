"""The header of a model in one or several files, here or on a hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from crossbench.errors import HeaderError
from crossbench.headers import gguf, safetensors, shards
from crossbench.headers.gguf import Gguf
from crossbench.headers.source import LocalFile, Ranges

GGUF, SAFETENSORS = ".gguf", ".safetensors"
CONFIG, INDEX = "config.json", "model.safetensors.index.json"
LARGEST_JSON = 32 * 2**20


class Folder(Struct, frozen=True, tag="folder"):
    """What a folder with safetensors says, as Hugging Face lays it out."""

    config: bytes
    """config.json as it is."""
    tensors: tuple[safetensors.Tensor, ...]


Header: TypeAlias = Gguf | Folder


def read_local(path: Path) -> Header:
    """The header of an artifact on this machine: a folder, or a GGUF with its other parts.

    Raises HeaderError.
    """
    try:
        if path.is_dir():
            found = sorted(each for each in path.iterdir() if each.is_file())
        else:
            found = [path.with_name(name) for name in shards.parts(path.name)]
    except OSError as error:
        raise HeaderError(f"{path}: {error.strerror}") from error
    return read({each.name: LocalFile(each) for each in found})


def has_header(name: str) -> bool:
    """Whether a file of this name is one that `read` looks into."""
    return name.endswith((GGUF, SAFETENSORS)) or name in (CONFIG, INDEX)


def read(files: Mapping[str, Ranges]) -> Header:
    """The header of the one model among these files: safetensors with a config.json, or a GGUF.

    A GGUF by another suffix is taken for one where it is the only file. Raises HeaderError.
    """
    if CONFIG in files and any(name.endswith(SAFETENSORS) for name in files):
        return Folder(_json(files[CONFIG]), safetensors.read(_weights(files)))
    names = shards.models([name for name in files if name.endswith(GGUF)]) or list(files)
    if len(names) != 1:
        raise HeaderError(
            f"of {', '.join(sorted(files)) or 'no files'} it is not clear which is the model; "
            "name one GGUF, or a folder with config.json and safetensors"
        )
    parts = shards.parts(names[0])
    if missing := [name for name in parts if name not in files]:
        raise HeaderError(f"{names[0]} lacks its part {missing[0]}")
    return gguf.read([files[name] for name in parts])


def _weights(files: Mapping[str, Ranges]) -> list[Ranges]:
    """The safetensors that the index names; without an index all of them."""
    names = sorted(name for name in files if name.endswith(SAFETENSORS))
    if INDEX in files:
        try:
            index = msgspec.json.decode(_json(files[INDEX]), type=dict[str, msgspec.Raw])
            placed = msgspec.json.decode(index["weight_map"], type=dict[str, str])
        except (msgspec.DecodeError, KeyError) as error:
            raise HeaderError(f"{files[INDEX].name} is no index of safetensors: {error}") from error
        names = sorted(set(placed.values()))
    if missing := [name for name in names if name not in files]:
        raise HeaderError(f"{missing[0]}, which {INDEX} names, is not there")
    return [files[name] for name in names]


def _json(file: Ranges) -> bytes:
    text = file.read(0, LARGEST_JSON + 1)
    if len(text) > LARGEST_JSON:
        raise HeaderError(f"{file.name} is larger than {LARGEST_JSON // 2**20} MiB")
    return text
