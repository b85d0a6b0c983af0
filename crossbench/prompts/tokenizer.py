"""The model's canonical tokenizer: the one that makes the ids which every engine is given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from crossbench.errors import InputError
from crossbench.prompts.folder import TokenizerFolder, read_folder
from crossbench.prompts.template import ChatTemplate
from crossbench.vocabulary import tokenizer_json_tokens


class CanonicalTokenizer:
    """Text to ids and back, with everything a model's folder says of special tokens.

    Whether text begins with BOS is decided here and nowhere else: by `add_bos_token` of
    tokenizer_config.json where it is written, else by the post-processor of tokenizer.json. An end
    token that some post-processors append is left off, since a prompt is there to be continued.
    """

    @classmethod
    def load(cls, path: Path) -> CanonicalTokenizer:
        """Read a directory with tokenizer.json and its companions, or a bare tokenizer.json.

        Raises InputError where a file is missing, malformed, or no tokenizer.
        """
        return cls(read_folder(path))

    def __init__(self, folder: TokenizerFolder) -> None:
        self.path = folder.path
        self._tokenizer = _tokenizer(folder)
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self._tokens = {token_id: token for token, token_id in vocabulary.items()}
        head = self._post_processor_head()
        self.special_tokens = dict(folder.special_tokens)
        if "bos_token" not in self.special_tokens and head:
            self.special_tokens["bos_token"] = self._tokens[head[0]]
        self.bos_id = self._special_id("bos_token")
        eos_id = self._special_id("eos_token")
        self.eos_ids = folder.eos_ids | (frozenset() if eos_id is None else {eos_id})
        self.head_ids = self._head(folder.add_bos, head)
        self.template = ChatTemplate(*folder.template) if folder.template else None
        self.sha256 = self._identity(folder)

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        return max(self._tokens) + 1

    def __contains__(self, token_id: int) -> bool:
        """Whether the vocabulary has this id; ids below `vocab_size` may be missing."""
        return token_id in self._tokens

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of raw text, BOS in front where this tokenizer wants one and the text has none."""
        ids = self.encode_verbatim(text)
        head = self.head_ids
        return ids if ids[: len(head)] == head else head + ids

    def encode_verbatim(self, text: str) -> tuple[int, ...]:
        """Ids of exactly this text: special tokens in it are parsed, none is added."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_with_starts(self, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """As `encode_verbatim`, and for each id the character of the text where it starts."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return tuple(encoding.ids), tuple(start for start, _ in encoding.offsets)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens spelled out."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def text_of(self, ids: Sequence[int]) -> bytes:
        """UTF-8 of what a reader would see, special tokens left out; its length is the byte count.

        A character cut in two at either end counts as U+FFFD, three bytes.
        """
        return self._tokenizer.decode(list(ids), skip_special_tokens=True).encode()

    @property
    def plain_ids(self) -> list[int]:
        """All ids but those of added tokens, special ones among them, in order."""
        return sorted(self._tokens.keys() - self._tokenizer.get_added_tokens_decoder().keys())

    @cached_property
    def token_bytes(self) -> tuple[bytes | None, ...]:
        """The bytes of every id; None for an id that the vocabulary skips."""
        return tokenizer_json_tokens(self._tokenizer.to_str())

    def _post_processor_head(self) -> tuple[int, ...]:
        encoding = self._tokenizer.encode("a", add_special_tokens=True)
        marks = [*encoding.special_tokens_mask, 0]
        return tuple(encoding.ids[: marks.index(0)])

    def _head(self, add_bos: bool | None, post_processor: tuple[int, ...]) -> tuple[int, ...]:
        if add_bos is None:
            return post_processor
        if not add_bos:
            return ()
        if self.bos_id is None:
            raise InputError(
                f"tokenizer {self.path.parent}: add_bos_token is true, but no bos_token is named; "
                "name one in tokenizer_config.json, or set add_bos_token to false"
            )
        return (self.bos_id,)

    def _special_id(self, name: str) -> int | None:
        token = self.special_tokens.get(name)
        if token is None:
            return None
        token_id: int | None = self._tokenizer.token_to_id(token)
        if token_id is None:
            raise InputError(
                f"tokenizer {self.path.parent}: {name} is {token!r}, which {self.path.name} does "
                "not have; the two files must come from the same model"
            )
        return token_id

    def _identity(self, folder: TokenizerFolder) -> str:
        """Hex SHA-256 over everything that decides the ids of a prompt."""
        digest = hashlib.sha256(hashlib.sha256(folder.tokenizer).digest())
        parts = [repr(self.head_ids), repr(sorted(self.special_tokens.items()))]
        parts.append(folder.template[1] if folder.template else "")
        for part in parts:
            digest.update(hashlib.sha256(part.encode()).digest())
        return digest.hexdigest()


def _tokenizer(folder: TokenizerFolder) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(folder.tokenizer.decode())
    except Exception as error:  # noqa: BLE001  (the library raises bare Exception)
        raise InputError(
            f"tokenizer {folder.path}: it is not a tokenizer of the `tokenizers` library "
            f"({error}); use the tokenizer.json of the model's Hugging Face repository"
        ) from None
    # Some files carry the settings of their training, which would cut prompts without a word.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if not tokenizer.get_vocab_size(with_added_tokens=True):
        raise InputError(
            f"tokenizer {folder.path}: its vocabulary is empty; use the tokenizer.json of the "
            "model's Hugging Face repository"
        )
    return tokenizer
