from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.prompts.book import PromptBook
from crossbench.prompts.digest import prompts_sha256
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Load, Prompt
from tests.prompts.makers import chat, load, scenario, suite, trained, with_bos, write_folder

SCENARIOS = [
    scenario(
        "chat", chat(("user", "What is 2 and 2?")), chat(("user", "Say hello.")), Prompt(ids=(0,))
    ),
    scenario("long", Prompt(synthetic_tokens=300), Prompt(synthetic_tokens=12), output_tokens=5),
    scenario("text", Prompt(text="Once upon a time"), Prompt(text=""), output_tokens=50),
    scenario("text-again", Prompt(text="Once upon a time")),
    scenario("short", *[Prompt(synthetic_tokens=8)] * 2),
]
LAUNCHES, REPEATS, WARMUPS = 2 + 1, 2 * 3, 2


@pytest.fixture(scope="module")
def book() -> PromptBook:
    return PromptBook.open(suite(SCENARIOS))


def everything(book: PromptBook) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """All measured and all warm-up prompts of a run."""
    places = [(s.name, i) for s in SCENARIOS for i in range(len(s.prompts))]
    launches = range(LAUNCHES)
    return (
        [book.salted(*p, launch, r) for p in places for launch in launches for r in range(REPEATS)],
        [book.warmup(*p, launch, w) for p in places for launch in launches for w in range(WARMUPS)],
    )


def test_no_two_requests_of_a_run_are_equal(book: PromptBook) -> None:
    measured, warmups = everything(book)
    assert len(set(measured)) == len(measured) == 10 * LAUNCHES * REPEATS
    assert len(set(warmups)) == len(warmups) == 10 * LAUNCHES * WARMUPS
    assert not set(measured) & set(warmups)


def test_all_passes_over_a_prompt_have_its_length(book: PromptBook) -> None:
    for row in SCENARIOS:
        for index, prompt in enumerate(row.prompts):
            length = book.prompt_tokens(row.name, index)
            assert length == (
                prompt.synthetic_tokens or len(book.rendered(row.name)[index].ids) + 1
            )
            for launch in range(LAUNCHES):
                for repeat in range(REPEATS):
                    assert len(book.salted(row.name, index, launch, repeat)) == length
                for warmup in range(WARMUPS):
                    assert len(book.warmup(row.name, index, launch, warmup)) == length


def test_a_warmup_has_the_template_head_and_other_words(book: PromptBook) -> None:
    measured = book.rendered("long")[0]
    warmup = book.warmup("long", 0, 0, 0)
    assert warmup[:1] == measured.ids[:1]
    assert warmup[2:] != measured.ids[1:]
    head = book.rendered("chat")[0].ids[: book.rendered("chat")[0].content_at]
    assert book.warmup("chat", 0, 1, 1)[: len(head)] == head


def test_the_longest_request_is_known(book: PromptBook) -> None:
    assert book.context_tokens == 305
    assert book.salt_tokens == 1


def test_the_hash_of_a_scenario_is_of_its_unsalted_prompts(book: PromptBook) -> None:
    assert book.sha256("chat") == prompts_sha256(prompt.ids for prompt in book.rendered("chat"))


@given(seed=st.integers(0, 2**63), length=st.integers(2, 40))
def test_warmups_are_never_measured_whatever_the_length(
    any_tokenizer: CanonicalTokenizer, seed: int, length: int
) -> None:
    row = scenario("s", Prompt(synthetic_tokens=length), Prompt(synthetic_tokens=length))
    book = PromptBook(any_tokenizer, suite([row], seed=seed))
    passes = [(index, launch) for index in range(2) for launch in range(LAUNCHES)]
    measured = {book.salted("s", *p, repeat) for p in passes for repeat in range(REPEATS)}
    warmups = {book.warmup("s", *p, warmup) for p in passes for warmup in range(WARMUPS)}
    assert len(measured) + len(warmups) == len(measured | warmups) == 6 * (REPEATS + WARMUPS)
    assert {len(ids) for ids in measured | warmups} == {length}


def test_under_load_prompts_come_in_turn_and_every_request_is_its_own(
    any_tokenizer: CanonicalTokenizer,
) -> None:
    """Seven requests of two prompts: the first, the second, the first ..."""
    level = Load(of="s", concurrency=2, requests=7)
    row = replace(
        scenario("s", Prompt(synthetic_tokens=20), Prompt(synthetic_tokens=30)), load=level
    )
    book = PromptBook(any_tokenizer, suite([row, scenario("t", Prompt(synthetic_tokens=20))]))
    places = list(product(range(7), range(LAUNCHES), range(REPEATS)))
    measured = {place: book.salted("s", *place) for place in places}
    assert {len(measured[n, 0, 0]) for n in (0, 2, 4, 6)} == {20}
    assert {len(measured[n, 0, 0]) for n in (1, 3, 5)} == {30}
    warmups = {book.warmup("s", n, 0, w) for n in range(7) for w in range(WARMUPS)}
    other = {book.salted("t", 0, 0, r) for r in range(REPEATS)}
    every = {*measured.values(), *warmups, *other}
    assert len(every) == len(places) + 7 * WARMUPS + REPEATS
    with pytest.raises(ValueError, match="request 7 of 7"):
        book.salted("s", 7, 0, 0)


def test_a_small_vocabulary_keeps_the_asked_length(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, with_bos(trained("bytes", 275)), bos_token="<s>")
    row = scenario("s", Prompt(synthetic_tokens=40), Prompt(text="hi"))
    book = PromptBook.open(suite([row], tokenizer=folder, launches=10, repeats=10))
    assert book.salt_tokens > 1
    assert len(book.salted("s", 0, 10, 19)) == len(book.warmup("s", 0, 0, 0)) == 40


def test_an_index_out_of_range_is_an_error(book: PromptBook) -> None:
    for place in ((3, 0, 0), (0, LAUNCHES, 0), (0, 0, REPEATS), (0, -1, 0)):
        with pytest.raises(ValueError, match="scenario chat: "):
            book.salted("chat", *place)
    with pytest.raises(ValueError, match="pass 2 of 2"):
        book.warmup("chat", 0, 0, WARMUPS)


def test_an_error_names_scenario_and_prompt(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, trained("bytes", 300))
    rows = [
        scenario("fine", Prompt(text="x")),
        scenario("talk", Prompt(text="x"), SCENARIOS[0].prompts[0]),
    ]
    with pytest.raises(InputError, match="scenario talk, prompt 2: tokenizer"):
        PromptBook(tokenizer, suite(rows))


SCRIPT = """
from crossbench.prompts.book import PromptBook
from crossbench.prompts.digest import prompts_sha256
from tests.prompts.makers import suite
from tests.prompts.test_book import SCENARIOS, everything
measured, warmups = everything(PromptBook.open(suite(SCENARIOS, seed=3)))
print(prompts_sha256(measured + warmups))
"""


@pytest.mark.slow
def test_every_process_makes_the_same_prompts() -> None:
    measured, warmups = everything(PromptBook.open(suite(SCENARIOS, seed=3)))
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == prompts_sha256(measured + warmups)


def test_another_seed_makes_other_prompts(book: PromptBook) -> None:
    other = PromptBook.open(suite(SCENARIOS, seed=1))
    assert other.rendered("long") != book.rendered("long")
    assert other.rendered("chat") == book.rendered("chat")
    assert other.salted("chat", 0, 0, 0) != book.salted("chat", 0, 0, 0)
