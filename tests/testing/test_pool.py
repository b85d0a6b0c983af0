"""Prompts of the kit: any ids, or those of words where an engine takes text."""

from __future__ import annotations

from pathlib import Path

from crossbench.api import Vocabulary
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.testing.conformance.pool import pool
from tests.conftest import TINY


def told(*tokens: bytes | None) -> Vocabulary:
    return Vocabulary(tokens=tokens, bos_id=None, adds_bos=None, chat_template=None)


def test_ids_are_any_but_the_first() -> None:
    assert pool(told(*[b"x"] * 400), Path(), as_text=False) == range(32, 400)
    assert pool(told(*[b"x"] * 40), Path(), as_text=False) == range(10, 40)
    assert pool(None, Path(), as_text=False) == range(32, 256)


def test_text_is_made_of_words() -> None:
    vocabulary = told(b"a", b" the", b"\xff", None, b" cat", b" 12", b"ing", b" A")
    assert pool(vocabulary, Path(), as_text=True) == [1, 4]


def test_where_no_word_is_known_any_id_serves(tmp_path: Path) -> None:
    assert pool(None, tmp_path, as_text=True) == range(32, 256)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert pool(None, tmp_path, as_text=True) == range(32, 256)


def test_the_words_of_a_folder_survive_being_text() -> None:
    words = pool(None, TINY, as_text=True)
    assert len(words) > 500
    tokenizer = CanonicalTokenizer.load(TINY)
    prompt = [words[11 * place % len(words)] for place in range(100)]
    assert list(tokenizer.encode_verbatim(tokenizer.decode(prompt))) == prompt
