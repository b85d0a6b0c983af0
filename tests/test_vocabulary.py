"""The bytes behind the ids of a tokenizer.json, in each way such files spell them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tokenizers import Tokenizer

from crossbench.api import tokenizer_json_tokens
from tests.conftest import TINY


def tokens(model: dict[str, Any], **parts: Any) -> tuple[bytes | None, ...]:
    return tokenizer_json_tokens(json.dumps({"model": model, **parts}))


def test_a_byte_level_vocabulary_is_spelled_in_its_alphabet() -> None:
    vocab = {"a": 0, "Ġthe": 1, "Ċ": 2, "Ã©": 3, "ĠĠ": 5}
    added = [{"id": 6, "content": "<|end|>"}]
    found = tokens({"vocab": vocab}, decoder={"type": "ByteLevel"}, added_tokens=added)
    assert found == (b"a", b" the", b"\n", "é".encode(), None, b"  ", b"<|end|>")


def test_byte_level_is_found_inside_sequences() -> None:
    stage = {"type": "Sequence", "pretokenizers": [{"type": "Split"}, {"type": "ByteLevel"}]}
    assert tokens({"vocab": {"Ġa": 0}}, pre_tokenizer=stage) == (b" a",)


def test_sentence_piece_spells_spaces_and_bytes() -> None:
    steps = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}]
    found = tokens(
        {"vocab": {"\u2581the": 0, "<0x0A>": 1, "<0xZZ>": 2}},
        decoder={"type": "Sequence", "decoders": steps},
    )
    assert found == (b" the", b"\n", b"<0xZZ>")
    unigram = tokens({"vocab": [["\u2581a", -1.5], ["b", -2]]}, decoder={"type": "Metaspace"})
    assert unigram == (b" a", b"b")


def test_an_entry_of_another_kind_stands_for_itself() -> None:
    assert tokens({"vocab": {"\u2581x": 0, "##y": 1}}) == ("\u2581x".encode(), b"##y")


def test_the_tiny_models_bytes_are_what_its_tokenizer_decodes() -> None:
    text = (TINY / "tokenizer.json").read_text()
    tokenizer = Tokenizer.from_str(text)
    table = tokenizer_json_tokens(text)
    assert len(table) == tokenizer.get_vocab_size()
    for token_id, token in enumerate(table):
        decoded = tokenizer.decode([token_id], skip_special_tokens=False)
        assert token is not None
        assert token.decode("utf-8", "replace") == decoded


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": {"vocab": 3}}', '{"model": null}'])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        tokenizer_json_tokens(text)
