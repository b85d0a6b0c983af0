"""The vocabulary of a GGUF, in bytes, is that of the tokenizer it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossbench.api import Vocabulary, tokenizer_json_tokens
from tests.conftest import TINY
from tests.llamacpp.conftest import Probe
from tests.llamacpp.gguf import write_vocabulary
from tests.llamacpp.live import Live

pytestmark = pytest.mark.engine("llamacpp")

NORMAL, UNKNOWN, CONTROL, ADDED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Of `enum llama_token_type`."""


@pytest.fixture(scope="module")
def told(strict: Live) -> Vocabulary:
    vocabulary = strict.vocabulary().vocabulary
    assert vocabulary is not None
    return vocabulary


def test_every_id_stands_for_the_bytes_of_the_tokenizer_json(told: Vocabulary) -> None:
    canonical = tokenizer_json_tokens((TINY / "tokenizer.json").read_text())
    assert told.tokens == canonical
    assert b"".join(token for token in told.tokens[6:] if token and len(token) == 1) != b""


def test_beginning_of_text_and_the_chat_template_are_those_of_the_model(told: Vocabulary) -> None:
    config = json.loads((TINY / "tokenizer_config.json").read_text())
    assert told.tokens[told.bos_id or 0] == config["bos_token"].encode()
    assert told.chat_template == config["chat_template"]
    assert told.adds_bos is not None


def test_sentence_piece_entries_are_read_in_bytes(probe: Probe, tmp_path: Path) -> None:
    entries = [
        ("<unk>", UNKNOWN),
        ("<s>", CONTROL),
        ("</s>", CONTROL),
        ("<0x0A>", BYTE),
        ("\u2581the", NORMAL),
        ("\u2581\u2581", NORMAL),
        ("\u00fc", NORMAL),
        ("<added>", ADDED),
        ("\u2581" * 150, NORMAL),
        ("x" * 300, NORMAL),
        ("<pad9>", UNUSED),
    ]
    path = tmp_path / "sentence-piece.gguf"
    write_vocabulary(path, entries, bos=1, adds_bos=True)
    told = probe("peeks.vocabulary", path=str(path))
    assert [None if entry is None else bytes.fromhex(entry) for entry in told["tokens"]] == [
        b"<unk>",
        b"<s>",
        b"</s>",
        b"\n",
        b" the",
        b"  ",
        "\u00fc".encode(),
        b"<added>",
        b" " * 150,
        b"x" * 300,
        None,
    ]
    assert (told["bos_id"], told["adds_bos"], told["chat_template"]) == (1, True, None)


def test_a_model_of_bare_ids_has_no_vocabulary_to_tell(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "bare.gguf"
    write_vocabulary(path, [("a", NORMAL)] * 8, bos=1, kind="no_vocab")
    said = "the GGUF carries no tokenizer, only the number of its ids"
    assert probe("peeks.untold", path=str(path)) == [said, said]


def test_a_vocabulary_of_128_thousand_is_read_within_a_second(probe: Probe, tmp_path: Path) -> None:
    special = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    path = tmp_path / "large.gguf"
    write_vocabulary(path, [*special, *((f"w{n}", NORMAL) for n in range(128_000))], bos=1)
    told = probe("peeks.vocabulary", path=str(path), entries=False)
    assert told["count"] == 128_003
    assert told["cpu_seconds"] < 1
