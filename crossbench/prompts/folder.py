"""What a model's folder says of its tokenizer: the files, read and checked, nothing interpreted.

The files and their precedence are those of Hugging Face repositories: a template in
`chat_template.jinja` wins over one in `chat_template.json`, and that over `tokenizer_config.json`;
special tokens named in `tokenizer_config.json` win over `special_tokens_map.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from crossbench.errors import InputError

TOKENIZER = "tokenizer.json"
SPECIAL_TOKENS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


class _AddedToken(Struct, frozen=True):
    content: str


_Token = str | _AddedToken | None


class _SpecialTokens(Struct, frozen=True):
    bos_token: _Token = None
    eos_token: _Token = None
    unk_token: _Token = None
    sep_token: _Token = None
    pad_token: _Token = None
    cls_token: _Token = None
    mask_token: _Token = None


class _NamedTemplate(Struct, frozen=True):
    name: str
    template: str


class _Templates(Struct, frozen=True):
    chat_template: str | list[_NamedTemplate] | None = None


class _TokenizerConfig(_SpecialTokens, frozen=True):
    chat_template: str | list[_NamedTemplate] | None = None
    add_bos_token: bool | None = None


class _Generation(Struct, frozen=True):
    eos_token_id: int | list[int] | None = None


class TokenizerFolder(Struct, frozen=True, kw_only=True):
    """The content of a folder, or of a bare tokenizer.json."""

    path: Path
    """Of tokenizer.json."""
    tokenizer: bytes
    add_bos: bool | None
    """Whether raw text begins with BOS; None: as tokenizer.json's post-processor says."""
    special_tokens: dict[str, str]
    """`bos_token`, `eos_token`, ... -> text, those that are named."""
    eos_ids: frozenset[int]
    """End tokens that the model's configuration gives as ids."""
    template: tuple[str, str] | None
    """Where the chat template was found, and its source."""


def read_folder(path: Path) -> TokenizerFolder:
    """Read a directory with tokenizer.json and its companions, or a bare tokenizer.json.

    Raises InputError where the path, tokenizer.json or a companion is missing or malformed.
    """
    if path.is_file():
        return TokenizerFolder(
            path=path,
            tokenizer=_bytes(path),
            add_bos=None,
            special_tokens={},
            eos_ids=frozenset(),
            template=None,
        )
    file = path / TOKENIZER
    if not file.is_file():
        found = "has no tokenizer.json" if path.is_dir() else "does not exist"
        raise InputError(
            f"tokenizer {path}: it {found}; name a directory with tokenizer.json "
            "(and tokenizer_config.json), or a tokenizer.json file"
        )
    config = _json(path / "tokenizer_config.json", _TokenizerConfig)
    return TokenizerFolder(
        path=file,
        tokenizer=_bytes(file),
        add_bos=config.add_bos_token,
        special_tokens=_special_tokens(
            config, _json(path / "special_tokens_map.json", _SpecialTokens)
        ),
        eos_ids=_eos_ids(path),
        template=_template(path, config),
    )


def _special_tokens(*sources: _SpecialTokens) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for name in SPECIAL_TOKENS:
        named = [getattr(source, name) for source in sources]
        token = next((token for token in named if token is not None), None)
        if token is not None:
            tokens[name] = token.content if isinstance(token, _AddedToken) else token
    return tokens


def _eos_ids(path: Path) -> frozenset[int]:
    ids: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        eos = _json(path / name, _Generation).eos_token_id
        ids.update(eos if isinstance(eos, list) else [] if eos is None else [eos])
    return frozenset(ids)


def _template(path: Path, config: _TokenizerConfig) -> tuple[str, str] | None:
    jinja = path / "chat_template.jinja"
    if jinja.is_file():
        return str(jinja), _text(jinja)
    json = path / "chat_template.json"
    for origin, template in (
        (json, _json(json, _Templates).chat_template),
        (path / "tokenizer_config.json", config.chat_template),
    ):
        if template:
            source = template if isinstance(template, str) else _default(origin, template)
            return str(origin), source
    return None


def _default(origin: Path, templates: list[_NamedTemplate]) -> str:
    for template in templates:
        if template.name == "default":
            return template.template
    names = ", ".join(template.name for template in templates)
    raise InputError(
        f"chat template of {origin}: found the templates {names}, none of them named default; "
        "name one of them default, or put the one to use into chat_template.jinja"
    )


T = TypeVar("T", bound=Struct)


def _json(file: Path, kind: type[T]) -> T:
    """The file as a struct of its known keys; all defaults where the file is missing."""
    if not file.is_file():
        return kind()
    try:
        return msgspec.json.decode(_bytes(file), type=kind)
    except msgspec.DecodeError as error:
        raise InputError(f"{file}: {error}; repair the file or download it again") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: it cannot be read ({error.strerror})") from None


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: it is not UTF-8 ({error}); save it as UTF-8") from None
