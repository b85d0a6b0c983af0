"""The folder of an MLX model: config.json, model*.safetensors, and the tokenizer's files.

What is wrong with it is said here, before mlx-lm takes a folder that is not there for a name on a
hub, or a missing shard for missing parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossbench.api import EngineError, Unsupported

CONFIG = "config.json"
WEIGHTS = "model*.safetensors"
INDEX = "model.safetensors.index.json"
CONTENTS = f"{CONFIG}, {WEIGHTS} and tokenizer.json"
UNSCALED = frozenset({"default", "llama3", "longrope", "su", "mrope"})
"""Kinds of `rope_scaling` whose max_position_embeddings is the context as it stands."""


class Artifact:
    """A folder that holds a model, as far as can be told without loading it.

    Raises EngineError, or Unsupported where the model needs code of its own.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            found = "a file" if folder.exists() else "not there"
            raise EngineError(f"{folder} is {found}; give a folder that holds {CONTENTS}")
        self.folder = folder
        self.config = _config(folder / CONFIG)
        self._check_weights()

    @property
    def quantisation(self) -> dict[str, Any] | None:
        """Bits, group size and mode, or what another tool's quantiser wrote; None without any.

        Without what is told of single layers, of which there may be hundreds.
        """
        found = self.config.get("quantization") or self._text("quantization_config")
        if not isinstance(found, Mapping):
            return None
        return {key: told for key, told in found.items() if not isinstance(told, Mapping | list)}

    @property
    def context_tokens(self) -> int | None:
        """Positions the model was made for; None where its config does not tell.

        `rope_scaling` of other kinds multiplies them by its factor, counted for YaRN from the
        context before scaling (as in the config of Hugging Face's transformers).
        """
        positions = self._text("max_position_embeddings")
        if not isinstance(positions, int):
            return None
        scaling = self._text("rope_scaling") or {}
        kind = scaling.get("rope_type") or scaling.get("type") or "default"
        if kind in UNSCALED or "factor" not in scaling:
            return positions
        if kind == "yarn":
            positions = scaling.get("original_max_position_embeddings") or positions
        return int(positions * scaling["factor"])

    def _text(self, key: str) -> Any:
        """A key of the language model, which a model of several kinds of input nests."""
        nested = self.config.get("text_config")
        found = self.config.get(key)
        return nested.get(key) if found is None and isinstance(nested, Mapping) else found

    def _check_weights(self) -> None:
        present = {path.name for path in self.folder.glob(WEIGHTS)}
        if not present:
            raise EngineError(f"{self.folder} holds no {WEIGHTS}; MLX needs {CONTENTS}")
        index = self.folder / INDEX
        if index.exists():
            missing = set(_object(index).get("weight_map", {}).values()) - present
            if missing:
                raise EngineError(
                    f"{self.folder} lacks {', '.join(sorted(missing))}, which {INDEX} names; "
                    "fetch the model again"
                )


def _config(path: Path) -> Mapping[str, Any]:
    config = _object(path)
    if not isinstance(config.get("model_type"), str):
        raise EngineError(f"{path} names no model_type; is it the config of a language model?")
    if config.get("model_file") is not None:
        raise Unsupported(
            f"{path} asks for Python code of its own ({config['model_file']}), which is never run; "
            "use a model that mlx-lm knows by its model_type"
        )
    return config


def _object(path: Path) -> Mapping[str, Any]:
    """A JSON object. Raises EngineError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}; MLX needs {CONTENTS}") from error
    except ValueError as error:
        raise EngineError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, Mapping):
        raise EngineError(f"{path} holds a {type(found).__name__}; a JSON object is needed")
    return found
