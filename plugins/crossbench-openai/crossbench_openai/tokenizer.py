"""The tokenizer beside the served model: prompts to text, and the tokens of a text.

A server need not show its own, so the artifact of a target is a folder that holds the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import Tokenizer

from crossbench.api import EngineError, RequestError

MODEL_SETTINGS = ("config.json", "generation_config.json")
"""Files beside a tokenizer that may name ids at which an answer ends."""


class FolderTokenizer:
    """A tokenizer.json and the tokenizer_config.json beside it, if there is one."""

    def __init__(self, path: Path) -> None:
        """`path` is the folder, or the file itself. Raises EngineError where it is neither."""
        file = path if path.is_file() else path / "tokenizer.json"
        try:
            self._tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
            config = _config(file.with_name("tokenizer_config.json"))
            models = [_config(file.with_name(name)) for name in MODEL_SETTINGS]
        except Exception as error:  # the library raises bare Exception
            raise EngineError(
                f"{file} is no tokenizer ({error}); the artifact of a target behind a server is "
                "the folder with the served model's tokenizer.json"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.head = self._head(config)
        """What the model's own settings put before a text: BOS, or nothing."""
        self.ends = self._ends(config, models)
        """Ids at which the model's own settings end an answer."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of exactly this text, special tokens parsed and none added."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int], *, special: bool = True) -> str:
        """The text of the ids, special tokens spelled out or left out.

        Raises RequestError for an id outside the vocabulary.
        """
        strange = next((token for token in ids if not 0 <= token < self._size), None)
        if strange is not None:
            raise RequestError(
                f"the prompt holds id {strange}; the vocabulary is 0 to {self._size - 1}"
            )
        return self._tokenizer.decode(list(ids), skip_special_tokens=not special)

    def _head(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        """As `add_bos_token` has it where it is written, else as the post-processor does it."""
        adds = config.get("add_bos_token")
        if isinstance(adds, bool):
            bos = self._id(config.get("bos_token"))
            return (bos,) if adds and bos is not None else ()
        encoding = self._tokenizer.encode("a", add_special_tokens=True)
        marks = [*encoding.special_tokens_mask, 0]
        return tuple(encoding.ids[: marks.index(0)])

    def _ends(
        self, config: Mapping[str, Any], models: Sequence[Mapping[str, Any]]
    ) -> tuple[int, ...]:
        told = [settings.get("eos_token_id") for settings in models]
        every = [self._id(config.get("eos_token"))]
        every += [each for one in told for each in (one if isinstance(one, list) else [one])]
        return tuple(sorted({each for each in every if isinstance(each, int)}))

    def _id(self, token: Any) -> int | None:
        """Of a token as a tokenizer_config.json writes it: its text, or a table that holds it."""
        text = token.get("content") if isinstance(token, Mapping) else token
        return self._tokenizer.token_to_id(text) if isinstance(text, str) else None


def _config(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
