"""Values become parts of names that are safe as files on every platform."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.suite.names import artifact_slug, slug
from crossbench.suite.tables.values import NAME_PATTERN


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (True, "true"),
        (512, "512"),
        (-1, "-1"),
        (0.5, "0.5"),
        ("q8_0", "q8_0"),
        ("a b/c", "a-b-c"),
        ("../x", "x"),
        ([1, 1], "1x1"),
        ([0.5, "on"], "0.5xon"),
        ("é", ""),
        ([], ""),
        ([[1]], ""),
        ({"a": 1}, ""),
    ],
)
def test_a_value_is_told_by_its_slug(value: object, part: str) -> None:
    assert slug(value) == part


@pytest.mark.parametrize(
    ("artifact", "part"),
    [
        ("models/tiny-Q4_K_M.gguf", "tiny-Q4_K_M"),
        ("Llama-3.3-70B-Instruct", "Llama-3.3-70B-Instruct"),
        ("models/Llama-3.3-70B/", "Llama-3.3-70B"),
        ("hf:owner/repo@main/Model.GGUF", "Model"),
        ("hf:owner/repo@main", "repo-main"),
        ("ollama:llama3:8b", "llama3-8b"),
        ("..", ""),
    ],
)
def test_an_artifact_is_told_by_its_stem(artifact: str, part: str) -> None:
    assert artifact_slug(artifact) == part


SCALARS = st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text(max_size=9)


@given(SCALARS | st.lists(SCALARS, min_size=1, max_size=2))
def test_a_slug_makes_a_safe_name_or_none(value: object) -> None:
    part = slug(value)
    assert not part or re.fullmatch(NAME_PATTERN, f"base-{part}")
