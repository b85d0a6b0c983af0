"""What the artifact says of its tokenizer, read from its files by the `tokenizers` library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from crossbench.api import RequestError, Vocabulary, tokenizer_json_tokens
from crossbench_mlx.artifact import Artifact

TOKENIZER = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"


class ArtifactTokenizer:
    """The tokenizer of an artifact. Raises RequestError where it has no readable tokenizer.json."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._folder = artifact.folder
        path = self._folder / TOKENIZER
        try:
            self._text = path.read_text(encoding="utf-8")
            self._tokenizer = Tokenizer.from_str(self._text)
        except Exception as error:  # the library raises bare Exceptions
            raise RequestError(f"{path}: {error}") from error
        self._settings = _object(self._folder / SETTINGS)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, special tokens parsed, none added."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def vocabulary(self) -> Vocabulary:
        """Bytes of each id, BOS, and the chat template."""
        try:
            tokens = tokenizer_json_tokens(self._text)
        except ValueError as error:
            raise RequestError(f"{self._folder / TOKENIZER}: {error}") from error
        bos_id = self._bos_id()
        return Vocabulary(
            tokens=tokens,
            bos_id=bos_id,
            adds_bos=self._adds_bos(bos_id),
            chat_template=self._chat_template(),
        )

    def _bos_id(self) -> int | None:
        """What the tokenizer's settings name, be it none, before what the model's config names."""
        if "bos_token" in self._settings:
            named = self._settings["bos_token"]
            content = named.get("content") if isinstance(named, Mapping) else named
            return self._tokenizer.token_to_id(content) if content else None
        told = self._artifact.config.get("bos_token_id")
        return told if isinstance(told, int) else None

    def _adds_bos(self, bos_id: int | None) -> bool:
        """What the settings say, else what the post-processor of the tokenizer does."""
        declared = self._settings.get("add_bos_token")
        if isinstance(declared, bool):
            return declared and bos_id is not None
        return bos_id is not None and self._tokenizer.encode("a").ids[:1] == [bos_id]

    def _chat_template(self) -> str | None:
        """A file of its own, else an entry of the settings: one, or the default of several."""
        path = self._folder / TEMPLATE
        if path.is_file():
            return path.read_text(encoding="utf-8")
        told = self._settings.get("chat_template")
        if isinstance(told, list):
            told = {each.get("name"): each.get("template") for each in told}.get("default")
        return told if isinstance(told, str) else None


def _object(path: Path) -> Mapping[str, Any]:
    """A JSON object; an empty one where there is no such file."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}
