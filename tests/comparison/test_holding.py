from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.comparison.holding import held
from crossbench.comparison.invariant import Invariant, Value, state
from crossbench.comparison.rules import RULES
from crossbench.comparison.side import Side
from crossbench.statistics.verdict import PRIMARY
from crossbench.suite.tables.comparison import Axis

AXIS: tuple[Axis, ...] = ("options",)


def side(
    facts: Mapping[str, Value] = {}, *, options: Mapping[str, Any] = {}, backend: str = "x"
) -> Side:
    return Side(
        target="t",
        backend=backend,
        options=options,
        invariants=tuple(
            Invariant(name=name, value=value, source="api") for name, value in facts.items()
        ),
        metrics=(),
        blocks={},
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("f16", "f16", "equal"),
        ("f16", "q8_0", "different"),
        (None, "f16", "unknown"),
        (None, None, "unknown"),
        (4.85, 4.83, "equal"),
        (4.85, 4.5, "different"),
        (0.0, 0.0, "equal"),
    ],
)
def test_values_are_equal_different_or_unknown(one: Value, other: Value, expected: str) -> None:
    assert state(one, other) == expected
    assert state(other, one) == expected


values = st.none() | st.text(max_size=3) | st.floats(0.1, 100)


@given(st.dictionaries(st.sampled_from(sorted(RULES)), values), st.data())
def test_holding_is_symmetric_but_for_the_sides(facts: dict[str, Value], data: Any) -> None:
    others = {name: data.draw(values) for name in facts}
    one, other = side(facts), side(others)
    there = {each.name: (each.state, each.effect) for each in held(one, other, ())}
    back = {each.name: (each.state, each.effect) for each in held(other, one, ())}
    assert there == back
    assert set(there) == set(facts)


@given(st.dictionaries(st.sampled_from(sorted(RULES)), values))
def test_a_cell_against_itself_differs_in_nothing(facts: dict[str, Value]) -> None:
    assert all(each.effect == "none" for each in held(side(facts), side(facts), ()))


def test_options_of_one_engine_are_named_where_nothing_else_shows_them() -> None:
    one = side({"threads": "2"}, options={"threads": 2, "n_batch": 512, "mlock": True})
    other = side({"threads": "1"}, options={"threads": 1, "mlock": True})
    names = {each.name: each for each in held(one, other, ())}
    assert set(names) == {"threads", "option n_batch"}
    assert names["option n_batch"].target == "512"
    assert names["option n_batch"].baseline == "left out"
    assert names["option n_batch"].effect == "confounder"


def test_an_option_of_another_name_is_explained_by_equal_values() -> None:
    one, other = (side({"KV dtype": kind}, options={"type_k": kind}) for kind in ("q8_0", "f16"))
    assert [each.name for each in held(one, other, ())] == ["KV dtype"]


def test_an_option_left_out_on_one_side_is_explained_by_the_other() -> None:
    one, other = side({"KV dtype": "q8_0"}, options={"type_k": "q8_0"}), side({"KV dtype": "f16"})
    assert [each.name for each in held(one, other, ())] == ["KV dtype"]


def test_options_of_two_engines_are_not_held() -> None:
    one, other = side(options={"a": 1}, backend="x"), side(options={"a": 2}, backend="y")
    assert held(one, other, ()) == ()


def test_the_options_may_be_the_axis() -> None:
    (found,) = held(side(options={"a": 1}), side(options={"a": 2}), AXIS)
    assert found.effect == "axis"


def test_every_rule_that_refuses_says_why_and_of_what() -> None:
    for rule in RULES.values():
        assert rule.refuses <= set(PRIMARY)
        assert bool(rule.refuses) == bool(rule.because)
