from __future__ import annotations

import re
import time
import tracemalloc

import pytest

from crossbench.errors import InputError
from crossbench.prompts.template import ChatTemplate
from crossbench.suite.tables.prompts import Message

MESSAGES = [Message(role="user", content="hello")]


def render(source: str) -> str:
    return ChatTemplate("here", source).render(MESSAGES, {}, {"bos_token": "<s>"})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ '{x.__class__}'.format_map({'x': ''}) }}",
        "{{ strftime_now.__self__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% macro m() %}{% endmacro %}{{ m._func }}",
    ],
)
def test_python_stays_out_of_reach(source: str) -> None:
    with pytest.raises(InputError, match=r"unsafe|not allowed"):
        render(source)


@pytest.mark.parametrize(
    "source",
    ["{{ messages.append(1) }}", "{{ messages[0].update({}) }}", "{% set messages[0].x = 1 %}"],
)
def test_what_a_template_is_given_stays_as_it_is(source: str) -> None:
    with pytest.raises(InputError, match=r"chat template of here"):
        render(source)


NESTED = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
RUNAWAYS = {
    "silent loops": NESTED,
    "constant loops": "{% for a in [1, 2, 3, 4, 5, 6, 7, 8] %}" * 12 + "{% endfor %}" * 12,
    "endless output": "{% for a in range(99999) %}" + "x" * 100 + "{% endfor %}",
    "wide range": "{% for a in range(10 ** 9) %}{% endfor %}",
    "recursive loop": "{% for a in [1, 1] recursive %}{% if loop.depth < 40 %}{{ loop([1, 1]) }}"
    "{% endif %}{% endfor %}",
    "recursive macro": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
    "{% endmacro %}{{ m(60) }}",
    "filters in a loop": "{% for a in range(99999) %}{{ range(99999) | list | sort | length }}"
    "{% endfor %}",
    "doubling by +": "{% set n = namespace(s='ab') %}{% for a in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "doubling by ~": "{% set n = namespace(s='ab') %}{% for a in range(60) %}"
    "{% set n.s = n.s ~ n.s %}{% endfor %}",
    "doubling by set": "{% set n = namespace(s='ab') %}{% for a in range(60) %}"
    "{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}",
    "doubling by replace": "{% set n = namespace(s='ab') %}{% for a in range(60) %}"
    "{% set n.s = n.s.replace('a', 'aab') %}{% endfor %}",
    "doubling lists": "{% set n = namespace(s=[1, 2]) %}{% for a in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "multiplied text": "{{ 'a' * 10000000000 }}",
    "text multiplied": "{{ 10000000000 * 'a' }}",
    "power": "{{ 10 ** (10 ** 10) }}",
    "squares": "{% set n = namespace(s=3) %}{% for a in range(99) %}"
    "{% set n.s = n.s * n.s %}{% endfor %}",
    "wide filter": "{{ 'a' | center(10000000000) }}",
    "wide indent": "{{ messages | tojson(indent=10000000000) }}",
    "wide method": "{{ 'a'.ljust(10000000000) }}",
}


LONGEST = {"recursive loop", "filters in a loop", "recursive macro"}
"""Stopped after about a second of work; others are stopped the same way sooner."""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=name, marks=[pytest.mark.slow] if name in LONGEST else [])
        for name, source in RUNAWAYS.items()
    ],
)
@pytest.mark.timeout(30)
def test_a_runaway_template_is_stopped(source: str) -> None:
    before = time.process_time()
    with pytest.raises(InputError, match=re.escape("chat template of here: ")) as caught:
        render(source)
    assert time.process_time() - before < 10
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["wide filter", "wide indent", "wide method"])
def test_a_width_is_refused_before_it_is_filled(name: str) -> None:
    with pytest.raises(InputError, match="10000000000 is larger than a text may be"):
        render(RUNAWAYS[name])


def test_a_runaway_template_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="characters or items"):
            render(RUNAWAYS["doubling by ~"])
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_every_rendering_has_all_its_steps() -> None:
    template = ChatTemplate("here", "{% for a in range(99999) %}{% endfor %}done")
    assert [template.render(MESSAGES, {}, {}) for _ in range(8)] == ["done"] * 8


def test_a_long_conversation_is_no_runaway() -> None:
    messages = [Message(role="user", content="word " * 10_000)] * 40
    source = (
        "{% for message in messages %}{% set x = message.content | trim ~ '\n' %}"
        "{{ '[' + message.role + ']' + x }}{% endfor %}"
    )
    assert len(ChatTemplate("here", source).render(messages, {}, {})) > 1_900_000
