"""Text from outside as markdown shows it."""

from __future__ import annotations

import html
import re

import cmarkgfm
import pytest
from markdown_it import MarkdownIt

from crossbench.report.words import cell, code, escaped, plain, table

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


@pytest.mark.parametrize(
    "text",
    [
        "see http://example.org/x",
        "see HTTPS://example.org",
        "ftp://example.org",
        "www.example.org",
        "write to a.b@example.org",
        "xmpp:a@example.org",
        "[x](http://example.org)",
        "<http://example.org>",
    ],
)
def test_an_address_is_no_link_on_a_git_host(text: str) -> None:
    """By GitHub's own renderer, which makes links of what CommonMark leaves as text."""
    made = cmarkgfm.github_flavored_markdown_to_html(f"| a |\n| - |\n| {escaped(text)} |\n")
    assert "<a" not in made
    assert html.unescape(re.sub(r"<[^>]*>", "", made)).split() == ["a", *text.split()]
    assert "<a" in cmarkgfm.github_flavored_markdown_to_html(text), "unescaped it is one"


def test_a_name_after_an_at_sign_is_not_called() -> None:
    """A Git host looks for them in text without a break, and in no code."""
    made = cmarkgfm.github_flavored_markdown_to_html(
        escaped("cc @octocat and @org/team"), cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    )
    assert "@octocat" not in made
    assert "@org" not in made
    assert "@" in made
    assert escaped("a @ b") == "a @ b"


@pytest.mark.parametrize("unseen", ["\xad", "\u034f", "\u3164", "\U000e0041", "\u202e", "\x1b"])
def test_two_names_that_look_alike_are_told_apart(unseen: str) -> None:
    assert plain(f"one{unseen}") not in ("one", f"one{unseen}")
    assert plain(f"one{unseen}").isprintable()
