"""An artifact's tokenizer is held against the suite's: equal, different in name, or foreign."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbench.api import Vocabulary
from crossbench.prompts.identity import ForeignTokenizer, identity, probe_texts, table_sha256
from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.conftest import TINY

CANONICAL = CanonicalTokenizer.load(TINY)
OWN = [CANONICAL.encode_verbatim(text) for text in probe_texts(CANONICAL)]
USED = frozenset(CANONICAL.plain_ids)
END = 5
"""A special token of the tiny model that the cases take for unused."""


def vocabulary() -> Vocabulary:
    assert CANONICAL.template is not None
    return Vocabulary(
        tokens=CANONICAL.token_bytes,
        bos_id=CANONICAL.bos_id,
        adds_bos=bool(CANONICAL.head_ids),
        chat_template=CANONICAL.template.source,
    )


def with_token(token_id: int, token: bytes | None) -> Vocabulary:
    tokens = list(CANONICAL.token_bytes)
    tokens[token_id] = token
    return replace(vocabulary(), tokens=tuple(tokens))


def test_the_same_tokenizer_is_the_same() -> None:
    found = identity(CANONICAL, vocabulary(), OWN, USED)
    assert (found.same_vocabulary, found.same_probes, found.complaints) == (True, True, ())
    assert found.vocabulary_sha256 == table_sha256(CANONICAL.token_bytes)


def test_padding_beyond_the_tokenizer_is_no_difference() -> None:
    padded = replace(vocabulary(), tokens=(*CANONICAL.token_bytes, b"[PAD]", None))
    assert identity(CANONICAL, padded, OWN, USED).same_vocabulary


def test_an_engine_that_does_not_tell_is_unknown() -> None:
    found = identity(CANONICAL, None, None, USED)
    assert (found.same_vocabulary, found.same_probes) == (None, None)
    assert found.vocabulary_sha256 is None


def test_an_id_of_the_prompts_with_other_bytes_is_foreign() -> None:
    with pytest.raises(ForeignTokenizer, match=r"id 300 is b' x' there and b' d' in .*1 of 2048"):
        identity(CANONICAL, with_token(300, b" x"), OWN, USED)


def test_a_shorter_vocabulary_is_foreign() -> None:
    short = replace(vocabulary(), tokens=CANONICAL.token_bytes[:2000])
    with pytest.raises(ForeignTokenizer, match="id 2000 is None there"):
        identity(CANONICAL, short, OWN, USED)


def test_a_special_token_that_no_prompt_uses_is_only_named() -> None:
    found = identity(CANONICAL, with_token(END, b"<|fin|>"), OWN, USED)
    assert found.same_vocabulary is False
    (complaint,) = found.complaints
    assert "1 ids that no prompt uses differ" in complaint
    assert "5: b'<|fin|>', not b'<|end|>'" in complaint


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bos_id": 1}, "its BOS is id 1, the suite's is 0"),
        ({"adds_bos": False}, "its own tokenizer does not add BOS, the suite's does"),
        (
            {"chat_template": "{% for m in messages %}[{{ m.content }}]{% endfor %}"},
            "its own chat template is another one",
        ),
        ({"chat_template": "{{ raise_exception('no') }}"}, "chat template does not work"),
    ],
)
def test_a_wrong_bos_or_template_is_named(change: dict[str, object], complaint: str) -> None:
    told = replace(vocabulary(), **change)
    (found,) = identity(CANONICAL, told, OWN, USED).complaints
    assert complaint in found


def test_a_template_that_is_written_otherwise_but_says_the_same_is_no_difference() -> None:
    source = vocabulary().chat_template
    told = replace(vocabulary(), chat_template=f"{{# another comment #}}{source}")
    assert identity(CANONICAL, told, OWN, USED).complaints == ()


def test_other_ids_on_a_probe_are_noticed() -> None:
    other = [*OWN[:-1], (*OWN[-1], 7)]
    assert identity(CANONICAL, vocabulary(), other, USED).same_probes is False


def test_special_tokens_are_among_the_probes() -> None:
    assert any(CANONICAL.bos_id in ids for ids in OWN)
    plain = [tuple(token for token in ids if token != CANONICAL.bos_id) for ids in OWN]
    assert identity(CANONICAL, vocabulary(), plain, USED).same_probes is False
