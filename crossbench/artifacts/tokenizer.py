"""`tokenizer = "artifact"`: the tokenizer and the chat template that a GGUF carries.

It is rebuilt as the tokenizer.json it was made from, where that can be done faithfully: for
byte-level vocabularies whose way of cutting is known (`splitting`), and for SentencePiece's
byte-pair vocabularies (`pieces`). Whatever else is refused, never approximated.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from crossbench.artifacts.pieces import sentence_piece
from crossbench.artifacts.splitting import SPLITTINGS, Stage
from crossbench.errors import InputError
from crossbench.headers.gguf import Gguf, is_gguf, read_part
from crossbench.headers.source import LocalFile
from crossbench.prompts.folder import TokenizerFolder, read_folder

ADVICE = 'name the model\'s tokenizer instead, as in tokenizer = "hf:OWNER/REPO"'
CONTROL, USER_DEFINED, UNUSED = 3, 4, 5
UNKNOWN = 2
_SPECIAL = {
    "bos_token": "bos_token_id",
    "eos_token": "eos_token_id",
    "unk_token": "unknown_token_id",
    "pad_token": "padding_token_id",
}
_ENDS = ("eos_token_id", "eot_token_id", "eom_token_id")

T = TypeVar("T")


def read_tokenizer(path: Path) -> TokenizerFolder:
    """The tokenizer of an artifact that lies here: a GGUF, or a directory with tokenizer.json.

    Raises InputError where it has none, or none that can be had faithfully.
    """
    file = LocalFile(path)
    if path.is_dir() or not is_gguf(file):
        return read_folder(path)
    return _Vocabulary(path, read_part(file)).folder()


class _Vocabulary:
    """The keys `tokenizer.*` of a GGUF, checked."""

    def __init__(self, path: Path, header: Gguf) -> None:
        self._path = path
        self._header = header
        self._tokens: list[str] = self._list("tokens", str)
        self._types: list[int] = self._list("token_type", int)
        if not self._tokens or len(self._types) != len(self._tokens):
            raise self._refusal(
                f"it has {len(self._tokens)} tokens and {len(self._types)} token types"
            )

    def folder(self) -> TokenizerFolder:
        kind = self._text("model")
        if kind == "gpt2":
            tokenizer, adds_bos = self._byte_level()
        elif kind == "llama":
            tokenizer, adds_bos = self._sentence_piece(), True
        else:
            raise self._refusal(f"its vocabulary is of the kind {kind or '(not named)'!r}")
        template = self._header.text("tokenizer.chat_template")
        return TokenizerFolder(
            path=self._path,
            tokenizer=msgspec.json.encode(tokenizer | {"added_tokens": self._added()}),
            add_bos=self._flag("add_bos_token", default=adds_bos),
            special_tokens={
                name: self._tokens[token_id]
                for name, key in _SPECIAL.items()
                if (token_id := self._id(key)) is not None
            },
            eos_ids=frozenset(i for key in _ENDS if (i := self._id(key)) is not None),
            template=(f"{self._path}, tokenizer.chat_template", template) if template else None,
        )

    def _byte_level(self) -> tuple[Stage, bool]:
        name = self._text("pre")
        splitting = SPLITTINGS.get(name)
        if splitting is None:
            raise self._refusal(f"it cuts text in the way {name or '(not named)'!r}")
        tokenizer = {
            "version": "1.0",
            "normalizer": splitting.normalizer,
            "pre_tokenizer": splitting.pre_tokenizer,
            "post_processor": None,
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": True,
                "trim_offsets": True,
                "use_regex": True,
            },
            "model": {
                "type": "BPE",
                "ignore_merges": splitting.ignores_merges,
                "vocab": self._vocab(),
                "merges": [self._merge(line) for line in self._list("merges", str)],
            },
        }
        return tokenizer, splitting.adds_bos

    def _merge(self, line: str) -> tuple[str, str]:
        """Two entries with a space between; a space within one is written otherwise."""
        left, _, right = line.partition(" ")
        if not left or not right:
            raise self._refusal(f"it has the merge {line!r}, which is none")
        return left, right

    def _sentence_piece(self) -> Stage:
        if self._header.text("general.architecture") == "phi3":
            raise self._refusal("Phi-3's tokens swallow the white space after them")
        if self._flag("remove_extra_whitespaces", default=False):
            raise self._refusal("it removes white space")
        scores = self._list("scores", float)
        if len(scores) != len(self._tokens):
            raise self._refusal(f"it has {len(self._tokens)} tokens and {len(scores)} scores")
        unknown = self._id("unknown_token_id")
        return sentence_piece(
            vocab=self._vocab(),
            ordinary={
                token: score
                for token, kind, score in zip(self._tokens, self._types, scores, strict=True)
                if kind == 1
            },
            unknown=None if unknown is None else self._tokens[unknown],
            prefix=self._flag("add_space_prefix", default=True),
        )

    def _vocab(self) -> dict[str, int]:
        """Entry -> id, without those that only fill the matrix up."""
        vocab: dict[str, int] = {}
        for token_id, (token, kind) in enumerate(zip(self._tokens, self._types, strict=True)):
            if kind != UNUSED:
                vocab.setdefault(token, token_id)
        return vocab

    def _added(self) -> list[Stage]:
        return [
            {
                "id": token_id,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": kind != USER_DEFINED,
            }
            for token_id, (token, kind) in enumerate(zip(self._tokens, self._types, strict=True))
            if kind in (UNKNOWN, CONTROL, USER_DEFINED) and token
        ]

    def _list(self, key: str, kind: type[T]) -> list[T]:
        name = f"tokenizer.ggml.{key}"
        if name not in self._header.metadata:
            return []
        found = self._header.array(name)
        try:
            items = list(found or ())
        except UnicodeDecodeError as error:
            raise self._refusal(f"its {name} is no UTF-8 ({error.reason})") from None
        if found is None or not all(isinstance(item, kind) for item in items):
            raise self._refusal(f"its {name} is no list of {kind.__name__}")
        return [item for item in items if isinstance(item, kind)]

    def _text(self, key: str) -> str:
        return self._header.text(f"tokenizer.ggml.{key}") or ""

    def _flag(self, key: str, *, default: bool) -> bool:
        value = self._header.metadata.get(f"tokenizer.ggml.{key}", default)
        return value if isinstance(value, bool) else default

    def _id(self, key: str) -> int | None:
        value = self._header.number(f"tokenizer.ggml.{key}")
        return value if value is not None and 0 <= value < len(self._tokens) else None

    def _refusal(self, found: str) -> InputError:
        return InputError(
            f"tokenizer of {self._path}: {found}, so it cannot be rebuilt faithfully; {ADVICE}"
        )
