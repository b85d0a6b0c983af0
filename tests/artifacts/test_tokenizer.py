"""The tokenizer that a GGUF carries, against the one it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import PreTokenizer

from crossbench.artifacts.canonical import canonical
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.splitting import SPLITTINGS
from crossbench.artifacts.tokenizer import read_tokenizer
from crossbench.errors import ArtifactFailure, InputError
from crossbench.prompts.probes import CONVERSATION, PROBES
from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.artifacts.conftest import MODEL, QUICK, Told
from tests.artifacts.hub import Server
from tests.artifacts.makers import gguf
from tests.conftest import TINY
from tests.prompts.makers import TEXT, trained

HELD_OUT = TINY.parents[1] / "quality" / "tiny-held-out.txt"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
SPACE = "\u2581"


def rebuilt(path: Path, metadata: Mapping[str, Any]) -> CanonicalTokenizer:
    keys = {
        name if "." in name else f"tokenizer.ggml.{name}": value for name, value in metadata.items()
    }
    return CanonicalTokenizer(read_tokenizer(gguf(path / "m.gguf", keys)))


def byte_level(**changes: Any) -> dict[str, Any]:
    """A trained byte-level vocabulary as a GGUF has it."""
    model = json.loads(trained("bytes", 500).to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "token_type": [CONTROL] * 3 + [NORMAL] * (len(tokens) - 3),
        "merges": [" ".join(merge) for merge in model["merges"]],
        "bos_token_id": 0,
        "eos_token_id": 1,
    } | changes


@pytest.mark.parametrize("name", ["tiny-f16.gguf", "tiny-q8_0.gguf", "tiny-q4_k_m.gguf"])
def test_the_tiny_models_ggufs_have_its_canonical_tokenizer(name: str) -> None:
    canonical = CanonicalTokenizer.load(TINY)
    found = CanonicalTokenizer(read_tokenizer(TINY / name))
    text = HELD_OUT.read_text(encoding="utf-8")
    for probe in (*PROBES, *canonical.special_tokens.values(), "<|user|>Hi<|end|>\n", text):
        assert found.encode(probe) == canonical.encode(probe)
        assert found.encode_with_starts(probe) == canonical.encode_with_starts(probe)
        ids = canonical.encode(probe)
        assert (found.decode(ids), found.text_of(ids)) == (
            canonical.decode(ids),
            canonical.text_of(ids),
        )
    assert found.token_bytes == canonical.token_bytes
    assert found.special_tokens == canonical.special_tokens
    assert (found.head_ids, found.eos_ids) == (canonical.head_ids, canonical.eos_ids)
    assert found.plain_ids == canonical.plain_ids
    assert found.template is not None
    assert canonical.template is not None
    rendered = [
        tokenizer.template.render(CONVERSATION, {}, tokenizer.special_tokens)
        for tokenizer in (found, canonical)
        if tokenizer.template
    ]
    assert rendered[0] == rendered[1]


def test_a_directory_is_read_as_one() -> None:
    assert read_tokenizer(TINY).path == TINY / "tokenizer.json"


def test_a_byte_level_vocabulary_gives_the_ids_it_was_trained_to(tmp_path: Path) -> None:
    found = rebuilt(tmp_path, byte_level())
    original = trained("bytes", 500)
    for text in (*PROBES, *TEXT, "<|user|>hello</s>"):
        assert list(found.encode_verbatim(text)) == original.encode(text).ids


@pytest.mark.parametrize(
    ("keys", "head"),
    [
        ({}, ()),
        ({"add_bos_token": True}, (0,)),
        ({"pre": "llama-bpe"}, (0,)),
        ({"pre": "llama-bpe", "add_bos_token": False}, ()),
    ],
)
def test_bos_is_where_the_file_or_its_kind_says(
    tmp_path: Path, keys: dict[str, Any], head: tuple[int, ...]
) -> None:
    assert rebuilt(tmp_path, byte_level(**keys)).head_ids == head


def test_all_ends_that_the_file_names_are_ends(tmp_path: Path) -> None:
    assert rebuilt(tmp_path, byte_level(eot_token_id=2)).eos_ids == {1, 2}
    assert rebuilt(tmp_path, byte_level(eot_token_id=-1)).eos_ids == {1}
    assert rebuilt(tmp_path, byte_level(eot_token_id=10**6)).eos_ids == {1}


def test_what_only_fills_the_vocabulary_up_is_no_token(tmp_path: Path) -> None:
    metadata = byte_level()
    count = len(metadata["tokens"])
    metadata["tokens"] = [*metadata["tokens"], "[PAD1]", "[PAD2]"]
    metadata["token_type"] = [*metadata["token_type"], UNUSED, UNUSED]
    found = rebuilt(tmp_path, metadata)
    assert found.vocab_size == count
    assert found.encode_verbatim("[PAD1]") == rebuilt(tmp_path, byte_level()).encode_verbatim(
        "[PAD1]"
    )


def test_a_users_token_is_one_but_not_a_special_one(tmp_path: Path) -> None:
    metadata = byte_level()
    metadata["tokens"] = [*metadata["tokens"], "<tool>"]
    metadata["token_type"] = [*metadata["token_type"], USER]
    found = rebuilt(tmp_path, metadata)
    assert found.encode_verbatim("<tool>") == (len(metadata["tokens"]) - 1,)
    assert found.text_of(found.encode_verbatim("<tool></s>")) == b"<tool>"


def pieces(name: str, text: str) -> list[str]:
    tokenizer = Tokenizer.from_str(
        json.dumps(
            {
                "version": "1.0",
                "pre_tokenizer": SPLITTINGS[name].pre_tokenizer,
                "normalizer": SPLITTINGS[name].normalizer,
                "model": {"type": "BPE", "vocab": {}, "merges": []},
            }
        )
    )
    assert tokenizer.normalizer is None or tokenizer.normalizer.normalize_str("e\u0301") == "é"
    cutter = tokenizer.pre_tokenizer
    assert isinstance(cutter, PreTokenizer)
    return [text[start:stop] for _, (start, stop) in cutter.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("gpt-2", "I|'|LL| pay|'s| 12345|€,| café|\n\n  | x|/|\n|HelloWorld"),
        ("smollm", "I|'|LL| pay|'s| |1|2|3|4|5|€,| café|\n\n  | x|/|\n|HelloWorld"),
        ("llama-bpe", "I|'LL| pay|'s| |123|45|€,| café|\n\n|  | x|/\n|HelloWorld"),
        ("qwen2", "I|'LL| pay|'s| |1|2|3|4|5|€,| café|\n\n|  | x|/\n|HelloWorld"),
        ("tekken", "I|'LL| pay|'s| |1|2|3|4|5|€,| café|\n\n|  | x|/\n|Hello|World"),
        ("deepseek-v3", "I|'LL| pay|'s| |123|45|€,| café|\n\n|  | x|/\n|HelloWorld"),
    ],
)
def test_text_is_cut_as_the_kind_cuts_it(name: str, cut: str) -> None:
    expected = cut.split("|")
    assert pieces(name, "".join(expected)) == expected


def sentence_pieces() -> dict[str, Any]:
    """A trained vocabulary of SentencePiece's kind: the earlier a merge, the better its score."""
    model = json.loads(trained("metaspace", 300).to_str())["model"]
    scores = {"".join(merge): -float(rank) for rank, merge in enumerate(model["merges"])}
    special = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    ordinary = [token for token in model["vocab"] if not token.startswith("<")]
    tokens = [*special, *byte_tokens, *ordinary]
    return {
        "model": "llama",
        "tokens": tokens,
        "scores": [scores.get(token, -1e4) for token in tokens],
        "token_type": [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(ordinary),
        "unknown_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def as_sentence_piece(text: str, metadata: Mapping[str, Any]) -> list[int]:
    """The rule itself: of all neighbours that make a token, join the best, the leftmost of them."""
    ids = {token: token_id for token_id, token in enumerate(metadata["tokens"])}
    symbols = list(SPACE + text.replace(" ", SPACE))
    while joinable := [
        (-metadata["scores"][ids[left + right]], place)
        for place, (left, right) in enumerate(pairwise(symbols))
        if left + right in ids
    ]:
        _, place = min(joinable)
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
    return [
        token_id
        for symbol in symbols
        for token_id in (
            [ids[symbol]] if symbol in ids else [ids[f"<0x{byte:02X}>"] for byte in symbol.encode()]
        )
    ]


def test_a_sentence_piece_vocabulary_is_joined_by_its_scores(tmp_path: Path) -> None:
    metadata = sentence_pieces()
    found = rebuilt(tmp_path, metadata)
    for text in (*PROBES, *TEXT, " ".join(TEXT)):
        assert list(found.encode_verbatim(text)) == as_sentence_piece(text, metadata)
        assert found.decode(found.encode_verbatim(text)) == text
    assert found.head_ids == (1,)
    assert found.token_bytes[3 + 0x41] == b"A"


def test_a_sentence_piece_vocabulary_may_want_no_space_in_front(tmp_path: Path) -> None:
    metadata = sentence_pieces()
    with_space = rebuilt(tmp_path, metadata)
    without = rebuilt(tmp_path, metadata | {"add_space_prefix": False})
    assert with_space.decode(with_space.encode_verbatim("the")) == "the"
    assert without.decode(without.encode_verbatim(" the")) == " the"
    assert without.encode_verbatim(" the") == with_space.encode_verbatim("the")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "bert"}, "of the kind 'bert'"),
        ({"model": 7}, "of the kind '.not named.'"),
        ({"pre": "qwen99"}, "cuts text in the way 'qwen99'"),
        ({"pre": ""}, "in the way '.not named.'"),
        ({"tokens": []}, "has 0 tokens"),
        ({"tokens": [1, 2]}, "is no list of str"),
        ({"token_type": [1]}, "1 token types"),
        ({"merges": ["ab"]}, "the merge 'ab'"),
    ],
)
def test_what_cannot_be_rebuilt_faithfully_is_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says) as refused:
        rebuilt(tmp_path, byte_level(**change))
    assert 'tokenizer = "hf:OWNER/REPO"' in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"general.architecture": "phi3"}, "Phi-3"),
        ({"remove_extra_whitespaces": True}, "removes white space"),
        ({"scores": [0.0]}, "1 scores"),
    ],
)
def test_a_sentence_piece_vocabulary_with_more_to_it_is_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        rebuilt(tmp_path, sentence_pieces() | change)


def test_merges_of_unknown_entries_are_an_error_and_no_panic(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        rebuilt(tmp_path, byte_level(merges=["zzzz yyyy"]))


def test_tokenizer_artifact_is_that_of_the_first_artifact_here(
    told: Told, hub: Server, settings: HubSettings, tmp_path: Path
) -> None:
    broken = gguf(tmp_path / "bert.gguf", {"tokenizer.ggml.model": "bert"})
    artifacts = [f"hf:{MODEL}", "/nowhere.gguf", str(broken), str(TINY / "tiny-q8_0.gguf")]
    found = canonical("artifact", artifacts, told, settings=settings)
    assert found.path == TINY / "tiny-q8_0.gguf"
    with pytest.raises(InputError, match="has 0 tokens"):
        canonical("artifact", artifacts[:3], told, settings=settings)
    with pytest.raises(ArtifactFailure, match="none of the artifacts is on this machine"):
        canonical("artifact", artifacts[:2], told, settings=settings)
    assert not hub.seen


def test_a_tokenizer_may_be_a_path_or_the_hubs(
    told: Told, hub: Server, settings: HubSettings
) -> None:
    assert canonical(str(TINY), [], told).path == TINY / "tokenizer.json"
    written = f"hf:{MODEL}"
    fetched = canonical(written, [], told, settings=settings, patience=QUICK)
    assert CanonicalTokenizer(fetched).sha256 == CanonicalTokenizer.load(TINY).sha256
    assert not hub.requests("safetensors")
