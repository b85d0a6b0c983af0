"""Text from outside as markdown shows it."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from crossbench.report.words import cell, code, plain, table

MARKDOWN = MarkdownIt("commonmark").enable("table")
AWKWARD = ["SSE3 = 1 | AVX = 1", "a`b", "`", "``|``", "\\|"]


def shown(markdown: str) -> str:
    (inside,) = re.findall(r"<code>(.*?)</code>", MARKDOWN.render(markdown), re.DOTALL)
    return html.unescape(inside)


@pytest.mark.parametrize("text", AWKWARD)
def test_code_shows_what_it_was_given(text: str) -> None:
    assert shown(f"- settings: {code(text)}") == text


@pytest.mark.parametrize("text", ["SSE3 = 1 | AVX = 1", "a`b", "``|``"])
def test_code_in_a_cell_shows_what_it_was_given(text: str) -> None:
    assert shown(table(["a", "b"], [[cell(code(text)), "x"]])) == text


@pytest.mark.parametrize("unseen", ["\xad", "\u034f", "\u3164", "\U000e0041", "\u202e", "\x1b"])
def test_two_names_that_look_alike_are_told_apart(unseen: str) -> None:
    assert plain(f"one{unseen}") not in ("one", f"one{unseen}")
    assert plain(f"one{unseen}").isprintable()
