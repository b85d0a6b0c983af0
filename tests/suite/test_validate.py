"""All faults at once, in words; and never a fault that msgspec alone would find."""

from __future__ import annotations

import copy
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from crossbench.suite.tables.suite import SuiteFile
from crossbench.suite.validate import Fault, faults

EVERY_KEY = tomli.loads((Path(__file__).parent / "good/every_key.toml").read_text())


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Options(Struct, forbid_unknown_fields=True):
    """Types that a backend's options may have beyond those of a suite."""

    mode: Mode = Mode.FAST
    split: tuple[float, ...] = ()
    pair: tuple[int, int] = (1, 1)
    threads: Annotated[int, Meta(lt=9, gt=0)] | None = None
    flash: bool | Literal["auto"] = "auto"
    tag: Annotated[str, Meta(pattern="^[a-z]+$")] = "a"
    n_gpu_layers: int = 0


@pytest.mark.parametrize(
    ("key", "value", "found", "allowed"),
    [
        ("mode", "medium", 'found "medium" (text)', 'expected one of "fast", "slow"'),
        ("mode", ["fast"], "found a list of 1 entry", 'expected one of "fast", "slow"'),
        ("split", [1, "x"], 'found "x" (text)', "expected a finite number"),
        ("split", 1, "found 1 (whole number)", "expected a list, each entry a finite number"),
        ("threads", 9, "found 9 (whole number)", "expected a whole number above 0 and below 9"),
        ("threads", 0, "found 0 (whole number)", "expected a whole number above 0 and below 9"),
        ("flash", 1, "found 1 (whole number)", 'expected true or false, or "auto"'),
        ("tag", "A", 'found "A" (text)', "expected a text that matches ^[a-z]+$"),
        ("tag", "a\n", 'found "a\\n" (text)', "expected a text that matches ^[a-z]+$"),
        ("n_gpu_layer", 1, "unknown key", 'did you mean "n_gpu_layers"?'),
        ("N-GPU-Layers", 1, "unknown key", 'did you mean "n_gpu_layers"?'),
    ],
)
def test_a_fault_says_what_was_found_and_what_is_allowed(
    key: str, value: object, found: str, allowed: str
) -> None:
    (fault,) = faults({key: value}, Options, ("targets", "a", "options"))
    assert fault.at[:4] == ("targets", "a", "options", key)
    assert (fault.found, fault.allowed) == (found, allowed)


def test_what_only_msgspec_can_judge_is_still_a_fault() -> None:
    (fault,) = faults({"pair": [1, 2, 3]}, Options)
    assert fault.found == "Expected `array` of length 2, got 3 - at `$.pair`"


def test_right_options_have_no_fault() -> None:
    value = {"mode": "slow", "split": [1, 0.5], "pair": [1, 2], "threads": 8, "flash": True}
    assert faults(value, Options) == []


def test_a_text_that_would_break_a_line_or_a_terminal_is_escaped() -> None:
    (fault,) = faults({"mode": "\n\u2028\x1b[31mé"}, Options)
    assert fault.found == 'found "\\n\\u2028\\u001b[31mé" (text)'


def test_a_long_value_is_shortened() -> None:
    (fault,) = faults({"mode": "x" * 1000}, Options)
    assert fault.found == f'found "{"x" * 40}..." (text)'


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Path of every key and entry below a value."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    listed = []
    for key, entry in below:
        listed.append((*at, key))
        if isinstance(entry, dict | list):
            listed += places(entry, (*at, key))
    return listed


SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.sampled_from(["quick", "user", "linux-x86_64", 2**63, 10**40, -1, 0, 1, ".", "a\n"])
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3)
)


@given(st.data())
def test_a_suite_without_a_fault_is_one_that_msgspec_takes(data: st.DataObject) -> None:
    tables = copy.deepcopy(EVERY_KEY)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(places(tables)))
        table = tables
        for key in parents:
            table = table[key]
        if data.draw(st.booleans()):
            table[last] = data.draw(VALUES)
        else:
            del table[last]
    listed = faults(tables, SuiteFile)
    if not listed:
        msgspec.convert(tables, SuiteFile)
    # A message of msgspec's own would mean that the check itself had missed something.
    assert not [fault for fault in listed if fault.found.startswith(("Expected", "Object"))]


@given(st.sampled_from(places(EVERY_KEY)), st.floats() | st.integers() | st.datetimes())
def test_a_number_or_date_that_json_cannot_carry_is_a_fault_wherever_it_stands(
    place: tuple[Any, ...], value: object
) -> None:
    *parents, last = place
    tables = table = copy.deepcopy(EVERY_KEY)
    for key in parents:
        table = table[key]
    table[last] = value
    if not faults(tables, SuiteFile):
        assert isinstance(value, int | float)
        assert -(2**63) <= value < 2**63 or isinstance(value, float)
        assert value - value == 0  # neither infinite nor NaN


def test_every_fault_is_found_at_once() -> None:
    tables = copy.deepcopy(EVERY_KEY)
    tables["extra"] = 1
    tables["protocol"]["launches"] = True
    tables["scenarios"][0]["prompts"][0]["messages"][1]["role"] = "robot"
    del tables["model"]["name"]
    assert {fault.at for fault in faults(tables, SuiteFile)} == {
        ("extra",),
        ("protocol", "launches"),
        ("scenarios", 0, "prompts", 0, "messages", 1, "role"),
        ("model", "name"),
    }
    assert all(isinstance(fault, Fault) for fault in faults(tables, SuiteFile))
