from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.errors import InputError
from crossbench.prompts.digest import ids_sha256, prompts_sha256
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Prompt
from tests.prompts.makers import chat, load, renderer, trained, with_bos, write_folder

LOOP = "{% for m in messages %}<|user|>{{ m.role }}: {{ m.content | trim }}</s>{% endfor %}"
DEFAULT_SYSTEM = (
    "{{ bos_token }}{% if messages[0].role != 'system' %}<|user|>system: You are helpful</s>"
    "{% endif %}"
) + LOOP
SYSTEM_IN_LAST_TURN = (
    "{{ bos_token }}{% for m in messages if m.role != 'system' %}<|user|>"
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}: {% endif %}"
    "{{ m.content }}{% endfor %}"
)
DATE = "{{ bos_token }}Today is {{ strftime_now('%d %b %Y') }}\n" + LOOP
REPEATED = (
    "{{ bos_token }}{% for m in messages %}<|user|>{{ m.content }}{{ m.content }}{% endfor %}"
)

Made = Callable[[str], CanonicalTokenizer]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(template: str) -> CanonicalTokenizer:
        return load(tmp_path, trained("bytes", 400), bos_token="<s>", chat_template=template)

    return make


def head_of(tokenizer: CanonicalTokenizer, prompt: Prompt) -> str:
    rendered = renderer(tokenizer).render(prompt)
    return tokenizer.decode(rendered.ids[: rendered.content_at])


@pytest.mark.parametrize(
    ("template", "head"),
    [
        ("{{ bos_token }}" + LOOP, "<s><|user|>user: "),
        (LOOP, "<|user|>user: "),
        (DEFAULT_SYSTEM, "<s><|user|>system: You are helpful</s><|user|>user: "),
        (DATE, "<s>Today is 01 Jan 2025\n<|user|>user: "),
        (REPEATED, "<s><|user|>"),
        ("{{ messages[0].content }}", ""),
    ],
)
def test_the_salt_goes_where_the_first_content_begins(made: Made, template: str, head: str) -> None:
    assert head_of(made(template), chat(("user", "42 foxes"))) == head


def test_a_content_that_is_trimmed_begins_at_its_first_word(made: Made) -> None:
    tokenizer = made("{{ bos_token }}" + LOOP)
    spaced = renderer(tokenizer).render(chat(("user", " \n 42 foxes \n")))
    assert spaced == renderer(tokenizer).render(chat(("user", "42 foxes")))


def test_a_system_prompt_is_the_first_content(made: Made) -> None:
    prompt = chat(("system", "42 is it"), ("user", "Hello"))
    assert head_of(made(DEFAULT_SYSTEM), prompt) == "<s><|user|>system: "


def test_the_first_content_shown_need_not_be_the_first_message(made: Made) -> None:
    prompt = chat(("system", "S"), ("user", "one"), ("assistant", "two"), ("user", "three"))
    assert head_of(made(SYSTEM_IN_LAST_TURN), prompt) == "<s><|user|>"


def test_a_token_that_belongs_to_head_and_content_stays_whole(made: Made) -> None:
    tokenizer = made("{{ bos_token }}user {{ messages[0].content }}")
    assert len(tokenizer.encode_verbatim(" the")) == 1
    assert head_of(tokenizer, chat(("user", "the quick fox"))) == "<s>user the"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["system", "user", "assistant"]),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_conversation_is_the_template_and_its_contents(
    tiny: CanonicalTokenizer, turns: list[tuple[str, str]]
) -> None:
    rendered = renderer(tiny).render(chat(*turns))  # type: ignore[arg-type]
    body = "".join(f"<|{role}|>{content}<|end|>\n" for role, content in turns)
    assert rendered.text == f"<|bos|>{body}<|assistant|>"
    assert tiny.decode(rendered.ids) == rendered.text
    assert tiny.decode(rendered.ids[: rendered.content_at]) == f"<|bos|><|{turns[0][0]}|>"
    assert rendered.ids.count(tiny.bos_id or 0) == 1 + body.count("<|bos|>")


def test_messages_without_a_template_are_refused(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, trained("bytes", 300))
    with pytest.raises(InputError, match=r"without a chat template.*give the prompt as text"):
        renderer(tokenizer).render(chat(("user", "x")))


def test_a_template_that_shows_no_content_is_refused(made: Made) -> None:
    with pytest.raises(InputError, match="shows no message's content for the roles system"):
        renderer(made(SYSTEM_IN_LAST_TURN)).render(chat(("system", "x")))


@given(text=st.text())
def test_text_is_taken_raw_after_bos(tiny: CanonicalTokenizer, text: str) -> None:
    rendered = renderer(tiny).render(Prompt(text=text))
    assert tiny.decode(rendered.ids) == "<|bos|>" + text.removeprefix("<|bos|>")
    assert (rendered.content_at, rendered.kind, rendered.text) == (1, "text", text)


def test_text_of_a_tokenizer_without_bos_begins_at_once(tmp_path: Path) -> None:
    tokenizer = load(tmp_path, trained("bytes", 300), bos_token="<s>", add_bos_token=False)
    rendered = renderer(tokenizer).render(Prompt(text="hello"))
    assert rendered.content_at == 0
    assert rendered.ids == tokenizer.encode_verbatim("hello")


def test_ids_are_used_verbatim(tiny: CanonicalTokenizer) -> None:
    with_head = renderer(tiny).render(Prompt(ids=(0, 300, 9)))
    without = renderer(tiny).render(Prompt(ids=(300, 9)))
    assert (with_head.ids, with_head.content_at) == ((0, 300, 9), 1)
    assert (without.ids, without.content_at) == ((300, 9), 0)
    assert (without.kind, without.text) == ("ids", None)


@pytest.mark.parametrize("outside", [-1, 2048, 2**40])
def test_ids_outside_the_vocabulary_are_refused(tiny: CanonicalTokenizer, outside: int) -> None:
    with pytest.raises(InputError, match=rf"found {outside}, .*\(0 to 2047\)"):
        renderer(tiny).render(Prompt(ids=(0, outside)))


def test_no_length_is_missed(tiny: CanonicalTokenizer) -> None:
    lengths = range(8, 600)
    made = [renderer(tiny).render(Prompt(synthetic_tokens=length)) for length in lengths]
    assert [len(prompt.ids) + 1 for prompt in made] == list(lengths)
    assert all(prompt.ids[0] == tiny.bos_id and prompt.content_at == 1 for prompt in made)


@given(length=st.integers(8, 3000), salt_tokens=st.integers(1, 3), seed=st.integers(0))
def test_every_length_is_met_by_every_tokenizer(
    any_tokenizer: CanonicalTokenizer, length: int, salt_tokens: int, seed: int
) -> None:
    make = renderer(any_tokenizer, salt_tokens=salt_tokens, seed=seed)
    rendered = make.render(Prompt(synthetic_tokens=length))
    assert len(rendered.ids) + salt_tokens == length
    assert rendered.ids[: rendered.content_at] == any_tokenizer.head_ids
    assert not set(rendered.ids[rendered.content_at :]) & any_tokenizer.eos_ids
    assert rendered == make.render(Prompt(synthetic_tokens=length))


def test_the_shortest_synthetic_prompt_is_bos_and_salt(tiny: CanonicalTokenizer) -> None:
    assert renderer(tiny).render(Prompt(synthetic_tokens=2)).ids == (0,)
    with pytest.raises(InputError, match="found 2; at least 3 are needed"):
        renderer(tiny, salt_tokens=2).render(Prompt(synthetic_tokens=2))


def test_other_seeds_and_other_places_give_other_words(tiny: CanonicalTokenizer) -> None:
    prompt = Prompt(synthetic_tokens=64)
    rendered = {
        renderer(tiny, seed=seed).render(prompt, index).ids
        for seed in range(20)
        for index in range(20)
    }
    assert len(rendered) == 400


def test_a_synthetic_prompt_reads_like_english(tiny: CanonicalTokenizer) -> None:
    text = tiny.decode(renderer(tiny).render(Prompt(synthetic_tokens=400)).ids[1:])
    sentences = text.split(". ")
    assert all(sentence.strip().startswith("The ") for sentence in sentences)
    assert len(set(sentences)) == len(sentences)


def test_the_hash_is_of_the_ids_as_32_bit_little_endian(tiny: CanonicalTokenizer) -> None:
    # printf '\x00\x00\x00\x00\x2c\x01\x00\x00' | sha256sum
    expected = "3d089a3f01fc6754201495e754fee6200d47c3aabeaf855d2754cd197cb7682b"
    assert ids_sha256((0, 300)) == expected
    assert renderer(tiny).render(Prompt(ids=(0, 300))).sha256 == expected


def test_the_hash_of_several_prompts_knows_their_borders_and_order() -> None:
    hashes = {
        prompts_sha256(prompts)
        for prompts in ([(1, 2), (3,)], [(1,), (2, 3)], [(3,), (1, 2)], [(1, 2, 3)], [])
    }
    assert len(hashes) == 5


def test_a_metaspace_tokenizer_finds_the_content_too(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path, with_bos(trained("metaspace", 300)), bos_token="<s>", chat_template=REPEATED
    )
    tokenizer = CanonicalTokenizer.load(folder)
    rendered = renderer(tokenizer).render(chat(("user", "quick fox")))
    assert rendered.content_at == 2
