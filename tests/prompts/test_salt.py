from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.errors import InputError
from crossbench.prompts.salt import Salter
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Prompt
from tests.prompts.makers import load, renderer, trained


@given(
    count=st.integers(1, 5000),
    seed=st.integers(0),
    text=st.text(),
    counters=st.tuples(st.integers(0), st.integers(0)),
)
def test_the_salt_is_the_only_difference(
    any_tokenizer: CanonicalTokenizer, count: int, seed: int, text: str, counters: tuple[int, int]
) -> None:
    salter = Salter(any_tokenizer, seed, count)
    prompt = renderer(any_tokenizer).render(Prompt(text=text))
    one, other = (salter.salted(prompt, counter % count) for counter in counters)
    at, width = prompt.content_at, salter.tokens
    for salted in (one, other):
        assert salted[:at] + salted[at + width :] == prompt.ids
        assert len(salted) == len(prompt.ids) + width
    assert (one == other) == (counters[0] % count == counters[1] % count)


@pytest.mark.parametrize("count", [1, 2, 100, 1656, 1657, 20_000])
def test_all_salts_of_a_run_differ_and_have_one_length(
    tiny: CanonicalTokenizer, count: int
) -> None:
    salter = Salter(tiny, 7, count)
    salts = [salter.salt(counter) for counter in range(count)]
    assert len(set(salts)) == count
    assert {len(salt) for salt in salts} == {1 if count <= 1656 else 2}


def test_a_small_vocabulary_gives_salts_of_several_tokens(tmp_path: Path) -> None:
    salter = Salter(load(tmp_path, trained("bytes", 275)), 0, 3000)
    salts = {salter.salt(counter) for counter in range(3000)}
    assert salter.tokens > 1
    assert len(salts) == 3000


def test_salts_that_follow_one_another_differ_in_their_first_token(
    tiny: CanonicalTokenizer,
) -> None:
    salter = Salter(tiny, 0, 20_000)
    firsts = [salter.salt(counter)[0] for counter in range(20_000)]
    assert all(one != other for one, other in pairwise(firsts))


def test_salts_are_plain_words(any_tokenizer: CanonicalTokenizer) -> None:
    salter = Salter(any_tokenizer, 0, 20)
    for counter in range(20):
        for token_id in salter.salt(counter):
            word = any_tokenizer.decode([token_id]).removeprefix(" ")
            assert word.isalpha()
            assert token_id not in any_tokenizer.eos_ids


def test_another_seed_deals_other_salts(tiny: CanonicalTokenizer) -> None:
    dealt = {Salter(tiny, seed, 3).salt(0) for seed in range(50)}
    assert len(dealt) > 40


def test_a_counter_out_of_range_is_an_error(tiny: CanonicalTokenizer) -> None:
    for counter in (-1, 5):
        with pytest.raises(ValueError, match=f"salt {counter} of 5"):
            Salter(tiny, 0, 5).salt(counter)


def test_a_vocabulary_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found 0 plain words"):
        Salter(load(tmp_path, trained("bytes", 259)), 0, 5)
