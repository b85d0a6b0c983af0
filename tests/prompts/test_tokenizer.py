from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from crossbench.errors import InputError
from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.prompts.makers import TINY, load, trained, with_bos, write_folder


@given(text=st.text())
def test_verbatim_ids_decode_to_the_text(tiny: CanonicalTokenizer, text: str) -> None:
    assert tiny.decode(tiny.encode_verbatim(text)) == text


@given(text=st.text())
def test_raw_text_is_encoded_as_the_library_encodes_it(tiny: CanonicalTokenizer, text: str) -> None:
    library = Tokenizer.from_file(str(TINY / "tokenizer.json"))
    assert list(tiny.encode(text)) == library.encode(text).ids


@given(text=st.text())
def test_starts_are_characters_and_never_go_back(tiny: CanonicalTokenizer, text: str) -> None:
    ids, starts = tiny.encode_with_starts(text)
    assert ids == tiny.encode_verbatim(text)
    assert list(starts) == sorted(starts)
    assert all(0 <= start < len(text) for start in starts)


@given(text=st.text(alphabet=st.characters(exclude_characters="<", exclude_categories=["Cs"])))
def test_text_of_counts_the_bytes_of_the_text(tiny: CanonicalTokenizer, text: str) -> None:
    assert tiny.text_of(tiny.encode(text)) == text.encode()


def test_a_character_cut_in_two_counts_as_a_replacement(tiny: CanonicalTokenizer) -> None:
    ids = tiny.encode_verbatim("🜁")
    assert len(ids) > 1
    assert tiny.text_of(ids[:1]) == "\ufffd".encode()


def test_bos_is_added_once(tiny: CanonicalTokenizer) -> None:
    assert tiny.bos_id is not None
    assert tiny.encode("hello")[0] == tiny.bos_id
    assert tiny.encode("<|bos|>hello") == tiny.encode("hello")
    assert tiny.bos_id not in tiny.encode_verbatim("hello")


def test_special_tokens_in_text_are_parsed(tiny: CanonicalTokenizer) -> None:
    assert tiny.encode_verbatim("<|end|>") == tuple(tiny.eos_ids)


@pytest.mark.parametrize(
    ("post_processor", "add_bos", "begins"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_add_bos_token_wins_over_the_post_processor(
    tmp_path: Path, post_processor: bool, add_bos: bool | None, begins: bool
) -> None:
    made = trained("bytes", 300)
    made = with_bos(made) if post_processor else made
    tokenizer = load(tmp_path, made, bos_token="<s>", add_bos_token=add_bos)
    assert (tokenizer.encode("hello")[0] == tokenizer.bos_id) is begins


def test_an_end_token_of_the_post_processor_is_left_off(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, with_bos(trained("bytes", 300), eos=True))
    assert tokenizer.encode("hello") == (0, *tokenizer.encode_verbatim("hello"))


def test_a_bare_file_tells_its_bos(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, with_bos(trained("bytes", 300)))
    tokenizer = CanonicalTokenizer.load(folder / "tokenizer.json")
    assert (tokenizer.bos_id, tokenizer.head_ids) == (0, (0,))
    assert tokenizer.special_tokens == {"bos_token": "<s>"}
    assert tokenizer.template is None


def test_end_tokens_come_from_all_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, trained("bytes", 300), eos_token={"content": "</s>"})
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 1]}')
    (folder / "config.json").write_text('{"eos_token_id": 7}')
    assert CanonicalTokenizer.load(folder).eos_ids == {1, 2, 7}


def test_special_tokens_map_fills_in_what_the_config_leaves_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, trained("bytes", 300), eos_token="</s>", bos_token=None)
    (folder / "special_tokens_map.json").write_text('{"bos_token": "<s>", "eos_token": "<s>"}')
    tokens = CanonicalTokenizer.load(folder).special_tokens
    assert tokens == {"bos_token": "<s>", "eos_token": "</s>"}


def test_a_stored_truncation_and_padding_is_not_applied(tmp_path: Path) -> None:
    made = trained("bytes", 300)
    made.enable_truncation(4)
    made.enable_padding(length=64)
    tokenizer = load(tmp_path, made)
    text = "The quick brown fox jumps over the lazy dog"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_huge_numbers_in_the_config_are_no_obstacle(tmp_path: Path) -> None:
    load(tmp_path, trained("bytes", 300), model_max_length=1000000000000000019884624838656)


def test_the_identity_covers_tokens_template_and_bos(tmp_path: Path) -> None:
    made = trained("bytes", 300)
    folders = {
        "plain": load(tmp_path / "a", made, bos_token="<s>"),
        "again": load(tmp_path / "b", made, bos_token="<s>"),
        "template": load(tmp_path / "c", made, bos_token="<s>", chat_template="x"),
        "bos": load(tmp_path / "d", made, bos_token="<s>", add_bos_token=True),
        "special": load(tmp_path / "e", made, bos_token="</s>"),
        "vocabulary": load(tmp_path / "f", trained("bytes", 299), bos_token="<s>"),
    }
    assert folders["plain"].sha256 == folders["again"].sha256
    assert len({tokenizer.sha256 for tokenizer in folders.values()}) == len(folders) - 1


def test_ids_of_the_vocabulary_are_known(tiny: CanonicalTokenizer) -> None:
    assert 0 in tiny
    assert tiny.vocab_size - 1 in tiny
    assert tiny.vocab_size not in tiny
    assert -1 not in tiny


def _broken(folder: Path, name: str, content: bytes) -> Path:
    write_folder(folder, trained("bytes", 300))
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("tokenizer.json", b"{", "not a tokenizer of the `tokenizers` library"),
        ("tokenizer.json", b"{}", "not a tokenizer of the `tokenizers` library"),
        ("tokenizer.json", b"\xff", "not a tokenizer of the `tokenizers` library"),
        ("tokenizer_config.json", b"{", "tokenizer_config.json: "),
        ("tokenizer_config.json", b'{"bos_token": 3}', r"bos_token"),
        ("tokenizer_config.json", b'{"bos_token": "<nope>"}', "'<nope>', which tokenizer.json"),
        ("tokenizer_config.json", b'{"add_bos_token": true}', "no bos_token is named"),
        ("tokenizer_config.json", b'{"add_bos_token": 1}', "add_bos_token"),
        ("generation_config.json", b'{"eos_token_id": "x"}', "eos_token_id"),
        ("special_tokens_map.json", b"[]", "special_tokens_map.json: "),
        ("chat_template.jinja", b"\xff", "chat_template.jinja: it is not UTF-8"),
        ("chat_template.json", b'{"chat_template": 5}', "chat_template.json: "),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        CanonicalTokenizer.load(_broken(tmp_path, name, content))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_path_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        CanonicalTokenizer.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        CanonicalTokenizer.load(tmp_path)


def test_an_empty_vocabulary_is_refused(tmp_path: Path) -> None:
    empty = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "added_tokens": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(empty))
    with pytest.raises(InputError, match="vocabulary is empty"):
        CanonicalTokenizer.load(tmp_path)
