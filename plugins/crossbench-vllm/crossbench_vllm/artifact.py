"""What can be read from a model's folder itself: its shape, its weights' sizes, its tokenizer.

Formats: Hugging Face's config.json and tokenizer_config.json, tokenizer.json of the `tokenizers`
library, and the header of safetensors files (github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from crossbench.api import EngineError, RequestError, Vocabulary, tokenizer_json_tokens

MOST_HEADER_BYTES = 100 * 2**20
PACKED = (".qweight", ".weight_packed")
"""Tensors that hold several weights in each 32-bit number."""
BESIDE = (
    "scales", "qzeros", "g_idx", "_scale", "_scale_inv", "_zero_point", "_shape", "_g_idx",
    "absmax", "quant_map", "nested_absmax", "nested_quant_map", "_scale_2", "_global_scale",
)  # fmt: skip
"""Ends of the names of tensors that say how weights are quantised, and are none themselves."""


class Weights(Struct, frozen=True, kw_only=True):
    """The tensors of an artifact."""

    stored_bytes: int
    parameters: int | None
    """None where the artifact does not say how many weights a packed tensor holds."""


class Artifact:
    """A folder with a model in Hugging Face's layout."""

    def __init__(self, path: str) -> None:
        """Raises EngineError where the folder holds no model that vLLM could read."""
        self.folder = Path(path)
        if not self.folder.is_dir():
            found = "is a file" if self.folder.is_file() else "does not exist"
            raise EngineError(
                f"{path} {found}; vLLM takes a folder with config.json, tokenizer.json and "
                "*.safetensors"
            )
        self.config = self._json("config.json")
        if not isinstance(self.config, dict):
            raise EngineError(f"{path}/config.json holds no JSON object")

    def _json(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            told = getattr(error, "strerror", None) or str(error)
            raise EngineError(f"{path} cannot be read: {told}") from error

    def weights(self) -> Weights | None:
        """Sizes by the headers of the safetensors files; None without such files.

        Raises EngineError for a file that is broken or cut short.
        """
        files = sorted(self.folder.glob("*.safetensors"))
        stored = parameters = 0
        known = bool(files)
        for name, dtype, shape, size in (entry for file in files for entry in _tensors(file)):
            stored += size
            held = _parameters(name, dtype, math.prod(shape), self._bits())
            known = known and held is not None
            parameters += held or 0
        if not files:
            return None
        return Weights(stored_bytes=stored, parameters=parameters if known else None)

    def _bits(self) -> int | None:
        """Bits of one quantised weight, as the artifact's configuration has it."""
        told = self.config.get("quantization_config") or self.config.get("compression_config") or {}
        if isinstance(bits := told.get("bits", told.get("w_bit")), int):
            return bits
        if told.get("load_in_4bit"):
            return 4
        groups = told.get("config_groups") or {}
        found = {(group.get("weights") or {}).get("num_bits") for group in groups.values()}
        (only,) = found if len(found) == 1 else (None,)
        return only if isinstance(only, int) else None

    def tokenizer_json(self) -> str:
        """The text of tokenizer.json. Raises RequestError where there is none."""
        try:
            return (self.folder / "tokenizer.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"{self.folder} has no readable tokenizer.json: {error}") from error

    def vocabulary(self, adds_bos: bool | None) -> Vocabulary:
        """The artifact's tokenizer. Raises RequestError where it cannot be told."""
        try:
            tokens = tokenizer_json_tokens(self.tokenizer_json())
        except ValueError as error:
            raise RequestError(f"{self.folder}/tokenizer.json: {error}") from error
        settings = self._tokenizer_config()
        bos = settings.get("bos_token")
        spelled = bos.get("content") if isinstance(bos, dict) else bos
        text = spelled.encode() if isinstance(spelled, str) else None
        return Vocabulary(
            tokens=tokens,
            bos_id=tokens.index(text) if text in tokens else None,
            adds_bos=adds_bos,
            chat_template=self._chat_template(settings),
        )

    def _tokenizer_config(self) -> Mapping[str, Any]:
        if not (self.folder / "tokenizer_config.json").exists():
            return {}
        settings = self._json("tokenizer_config.json")
        return settings if isinstance(settings, dict) else {}

    def _chat_template(self, settings: Mapping[str, Any]) -> str | None:
        """Its own file comes before the entry of tokenizer_config.json; of several, "default"."""
        file = self.folder / "chat_template.jinja"
        if file.exists():
            return file.read_text(encoding="utf-8")
        template = settings.get("chat_template")
        if isinstance(template, list):
            named = {each.get("name"): each.get("template") for each in template}
            template = named.get("default")
        return template if isinstance(template, str) else None


def _tensors(file: Path) -> Iterator[tuple[str, str, list[int], int]]:
    """Name, type, shape and bytes of each tensor. Raises EngineError for a broken file."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(min(length, MOST_HEADER_BYTES)))
        header.pop("__metadata__", None)
        due = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
        held = file.stat().st_size
        if held < due:
            raise EngineError(f"{file} is cut short: it holds {held} of {due} bytes; fetch it anew")
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            yield name, entry["dtype"], entry["shape"], end - begin
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EngineError(f"{file} is no safetensors file: {error}") from error


def _parameters(name: str, dtype: str, elements: int, bits: int | None) -> int | None:
    """Weights of the model that a tensor holds."""
    if name.endswith(PACKED):
        return elements * 32 // bits if bits else None
    if name.endswith(BESIDE) or ".quant_state." in name:
        return 0
    if dtype == "U8":  # bitsandbytes' and NVFP4's pairs of 4-bit weights
        return elements * 2
    return elements
