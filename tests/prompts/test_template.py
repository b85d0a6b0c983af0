from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from crossbench.errors import InputError
from crossbench.prompts.template import Argument, ChatTemplate
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.tables.prompts import Message
from tests.prompts.makers import load, trained, write_folder

MESSAGES = [Message(role="user", content="Héllo <b>")]


def render(source: str, arguments: dict[str, Argument] | None = None, **tokens: str) -> str:
    return ChatTemplate("here", source).render(MESSAGES, arguments or {}, tokens)


def test_messages_tokens_and_the_prompt_for_the_assistant_are_given() -> None:
    source = (
        "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message['content'] }}"
        "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        "{{ tools is none }}{{ documents is none }}{{ pad_token is defined }}"
    )
    rendered = render(source, bos_token="<s>")
    assert rendered == "<s>[user]Héllo <b>[assistant]TrueTrueFalse"


def test_blocks_leave_no_white_space() -> None:
    assert render("a\n    {% if true %}\nb\n    {% endif %}\nc") == "a\nb\nc"


def test_loops_can_break_and_continue() -> None:
    source = (
        "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}"
        "{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}"
    )
    assert render(source) == "023"


def test_a_loop_knows_its_length_and_neighbours() -> None:
    source = (
        "{% for i in [1, 2, 3] | select('odd') %}{{ loop.index }}/{{ loop.length }}"
        "{% if not loop.last %}<{{ loop.nextitem }}{% endif %};{% endfor %}"
    )
    assert render(source) == "1/2<3;2/2;"


def test_joined_texts_and_captured_blocks_are_plain_text() -> None:
    source = "{% set x %}<{{ 1 }}>{% endset %}{{ x ~ 2 ~ none ~ x | upper }}"
    assert render(source) == "<1>2None<1>"


def test_tojson_keeps_letters_and_takes_an_indent() -> None:
    assert render("{{ messages | tojson }}") == json.dumps(
        [{"role": "user", "content": "Héllo <b>"}], ensure_ascii=False
    )
    assert render("{{ {'b': 1, 'a': 2} | tojson(indent=2, sort_keys=true) }}") == (
        '{\n  "a": 2,\n  "b": 1\n}'
    )


IDIOMS = {
    "{% set n = namespace(i=0) %}{% for m in messages[::-1] %}{% set n.i = n.i + loop.index0 + 2 %}"
    "{% endfor %}{{ n.i }}": "2",
    "{{ 'a</think>\\n b'.split('</think>')[-1].lstrip('\\n') | trim }}": "b",
    "{% if messages[0].content is string and messages[0] is mapping %}yes{% endif %}": "yes",
    "{% for key, value in messages[0].items() %}{{ key }},{% endfor %}": "role,content,",
    "{% for key in messages[0] | dictsort %}{{ key[0] }},{% endfor %}": "content,role,",
    "{% for x in undefined_list %}x{% else %}none{% endfor %}": "none",
    "{{ (messages | selectattr('role', 'equalto', 'user') | list | length) % 2 == 1 }}": "True",
    "{% macro say(x, y='!') %}{{ x ~ y }}{% endmacro %}{{ say('hi') }}": "hi!",
    "{{ '%s-%02d' % ('a', 3) }}{{ 'x{}'.format(1) }}": "a-03x1",
    "{{ messages[0].get('tool_calls') is none }}{{ messages[0]['name'] is defined }}": "TrueFalse",
    "{{ bos_token + messages[0]['role'].capitalize() }}": "<s>User",
    "{{ 1700000000 | string | length }}": "10",
}


@pytest.mark.parametrize("source", IDIOMS)
def test_the_idioms_of_published_templates_work(source: str) -> None:
    assert render(source, bos_token="<s>") == IDIOMS[source]


def test_the_generation_mark_changes_nothing() -> None:
    assert render("a{% generation %}{{ 1 + 1 }}{% endgeneration %}b") == "a2b"


def test_the_clock_is_frozen() -> None:
    assert render("{{ strftime_now('%d %B %Y, %H:%M') }}") == "01 January 2025, 12:00"


def test_arguments_reach_the_template() -> None:
    source = "{% if enable_thinking is defined and enable_thinking %}on{% else %}off{% endif %}"
    assert render(source) == "off"
    assert render(source, {"enable_thinking": True}) == "on"


def test_an_argument_with_a_default_in_the_template_can_be_given() -> None:
    source = "{% if not day is defined %}{% set day = 'Monday' %}{% endif %}{{ day }}"
    assert (render(source), render(source, {"day": "Sunday"})) == ("Monday", "Sunday")


def test_an_argument_the_template_does_not_read_is_refused() -> None:
    source = "{{ bos_token }}{{ messages }}{{ enable_thinking }}{{ strftime_now('%d') }}"
    with pytest.raises(InputError, match=r"enable_thinkin: .* it reads enable_thinking$"):
        render(source, {"enable_thinkin": True})
    with pytest.raises(InputError, match="gives this to every chat template"):
        render(source, {"messages": "x"})


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{ raise_exception('Only user and assistant roles!') }}", "Only user and assistant"),
        ("a\n{% if %}", "line 2: "),
        ("{% include 'x' %}", "no loader"),
        ("{{ nothing.there.deep }}", "'nothing' is undefined"),
        ("{{ messages[0].content + 1 }}", "TypeError: "),
        ("{{ 1 / 0 }}", "ZeroDivisionError: "),
        ("{{ messages | nofilter }}", "nofilter"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: "),
    ],
)
def test_a_failing_template_is_named_with_its_cause(source: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        render(source)
    assert str(caught.value).startswith("chat template of here: ")
    assert "\n" not in str(caught.value)


def _load(folder: Path, config: Any = None, **files: str) -> CanonicalTokenizer:
    write_folder(folder, trained("bytes", 300), **(config or {}))
    for name, content in files.items():
        (folder / f"chat_template.{name}").write_text(content)
    return CanonicalTokenizer.load(folder)


def test_a_jinja_file_wins_over_json_and_that_over_the_config(tmp_path: Path) -> None:
    config = {"chat_template": "config"}
    json_file = '{"chat_template": "json"}'
    found = [
        _load(tmp_path / "1", config, json=json_file, jinja="jinja"),
        _load(tmp_path / "2", config, json=json_file),
        _load(tmp_path / "3", config),
    ]
    sources = [tokenizer.template and tokenizer.template.source for tokenizer in found]
    assert sources == ["jinja", "json", "config"]


def test_of_several_templates_the_default_is_used(tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    tokenizer = load(tmp_path, trained("bytes", 300), chat_template=templates)
    assert tokenizer.template is not None
    assert tokenizer.template.source == "d"


def test_several_templates_without_a_default_are_refused(tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "t"}, {"name": "rag", "template": "r"}]
    with pytest.raises(InputError, match="tool_use, rag, none of them named default"):
        load(tmp_path, trained("bytes", 300), chat_template=templates)
