"""A suite for models that a user names without one: `crossbench run model.gguf other/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from crossbench.artifacts.reference import Hub, LmStudio, Local, Ollama, Reference, parse
from crossbench.errors import InputError
from crossbench.suite.names import artifact_slug

SUFFIX = ".toml"
"""What tells a suite from a model."""
GGUF = ".gguf"
SCENARIOS = """
[[scenarios]]
name = "short"
prompt_tokens = 64
output_tokens = 128

[[scenarios]]
name = "prefill-decode"
prompt_tokens = [512, 1536]
output_tokens = 128
"""


def is_suite(written: str) -> bool:
    """Whether an argument of `run` names a suite rather than a model."""
    return written.endswith(SUFFIX)


def made(models: Sequence[str]) -> str:
    """The suite's TOML: a GGUF on llama.cpp, a directory of safetensors on vLLM and MLX.

    The tokenizer is the first directory's, else the first GGUF's own. Raises InputError for what
    is no model.
    """
    kinds = {written: _is_gguf(parse(written), written) for written in dict.fromkeys(models)}
    directories = [written for written, gguf in kinds.items() if not gguf]
    tokenizer = _absolute(directories[0]) if directories else "artifact"
    names = [artifact_slug(written) for written in kinds]
    head = (
        f'schema = 1\nname = "models"\ntitle = {_text(", ".join(names))}\n\n[model]\n'
        f"name = {_text(names[0])}\ntokenizer = {_text(tokenizer)}\n"
    )
    return head + "".join(_targets(kinds)) + SCENARIOS


def _targets(kinds: dict[str, bool]) -> Iterator[str]:
    taken: set[str] = set()
    for written, gguf in kinds.items():
        for backend in ("llamacpp",) if gguf else ("vllm", "mlx"):
            name = base = f"{backend}-{artifact_slug(written) or 'model'}"[:56]
            number = 2
            while name.casefold() in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name.casefold())
            yield (
                f'\n[targets.{_text(name)}]\nbackend = "{backend}"\n'
                f"artifact = {_text(_absolute(written))}\n"
            )


def _is_gguf(reference: Reference, written: str) -> bool:
    """Whether it is a GGUF rather than a directory of safetensors. Raises InputError."""
    match reference:
        case Ollama():
            return True
        case Hub(file=file) | LmStudio(file=file):
            return file is not None and file.lower().endswith(GGUF)
        case Local(path=path):
            place = Path(path).expanduser()
            if place.is_dir():
                return False
            if place.suffix.lower() == GGUF:
                return True
    raise InputError(
        f"{written}: found neither a suite (*.toml) nor a model; allowed are a GGUF file, a "
        "directory of safetensors, hf:OWNER/REPO[/FILE], ollama:NAME:TAG, lmstudio:PUBLISHER/MODEL"
    )


def _absolute(written: str) -> str:
    if not isinstance(parse(written), Local):
        return written
    return str(PurePosixPath(Path(written).expanduser().absolute()))


def _text(value: str) -> str:
    """A TOML string: JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
