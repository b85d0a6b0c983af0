"""Whatever a model, a suite, an engine or a file name holds: it is shown and changes nothing."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree

import msgspec
import pytest
from markdown_it import MarkdownIt

from crossbench.report.answer import answer
from crossbench.report.charts.all import charts
from crossbench.report.charts.svg import standalone
from crossbench.report.html import page as html
from crossbench.report.markdown import page as markdown
from crossbench.report.markdown.headline import card
from crossbench.report.model import Report
from crossbench.report.write import RENDERINGS
from tests.report.material import HOSTILE, hostile, usual
from tests.report.material import spoilt as spoiled
from tests.report.test_company import company
from tests.report.test_several import two_machines

SUMMARY = r"\d+ settings? alike, or of one engine only|What was asked"
FOLD = rf"<details><summary>(?:{SUMMARY})</summary>\n|</details>\n"
"""What of a markdown report is HTML."""
UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"


def unseen(text: str) -> set[str]:
    """Characters of a text that nobody sees, but for the end of a line."""
    hidden = {each for each in text if unicodedata.category(each) in UNSEEN or each in FILLERS}
    return hidden - {"\n"}


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", RENDERINGS)
def test_no_control_or_direction_character_is_left(name: str) -> None:
    text = RENDERINGS[name].render(hostile()).decode()
    assert not unseen(text)
    assert "\\x1b" in text or "\\u001b" in text


@pytest.mark.parametrize("report", [usual, two_machines, company])
def test_html_has_the_elements_it_has_without(report: Callable[[], Report]) -> None:
    calm, spoilt = Page(html.render(report())), Page(html.render(spoiled(report())))
    assert "script" in calm.tags
    assert spoilt.tags.count("script") == calm.tags.count("script") == 1
    assert set(spoilt.tags) <= set(calm.tags) | {"code", "strong", "em"}
    assert spoilt.attributes <= calm.attributes
    assert not {name for name in spoilt.attributes if name.startswith("on")}
    assert not {"style", "src"} & spoilt.attributes
    assert any("<script>alert(1)</script>" in words for words in spoilt.words)
    assert any("{{ 7*7 }}" in words for words in spoilt.words)


@pytest.mark.parametrize("made", [usual, two_machines])
@pytest.mark.parametrize(
    "first", ["", "- item ", "1. one ", "+ plus ", "    code ", "> quote ", "# h "]
)
def test_markdown_stays_what_it_is(first: str, made: Callable[[], Report]) -> None:
    def shape(report: Report) -> list[str]:
        tokens = (
            MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown.render(report))
        )
        return [token.type for token in tokens]

    calm = shape(made())
    spoilt = shape(spoiled(made(), first))
    kinds = [
        "heading",
        "table",
        "tr",
        "th",
        "td",
        "list_item",
        "bullet_list",
        "ordered_list",
        "blockquote",
    ]
    for kind in (*(f"{each}_open" for each in kinds), "html_block", "code_block", "fence"):
        assert spoilt.count(kind) == calm.count(kind), kind


def test_markdown_holds_no_html_link_or_picture_of_theirs() -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    both = spoiled(two_machines())
    for text in (
        markdown.render(hostile()),
        card(hostile()),
        markdown.render(both),
        card(both),
    ):
        inline = [each for token in parser.parse(text) for each in token.children or ()]
        assert not [each for each in inline if each.type in ("html_inline", "link_open")]
        blocks = [token.content for token in parser.parse(text) if token.type == "html_block"]
        assert all(re.fullmatch(FOLD, block) for block in blocks), blocks
        pictures = [each.attrGet("src") for each in inline if each.type == "image"]
        assert all(str(source).startswith("charts/") for source in pictures)


def test_charts_are_xml_without_anything_of_theirs() -> None:
    drawn = charts(hostile())
    assert len(drawn) == len(charts(usual())) > 3
    for chart in drawn:
        tree = ElementTree.fromstring(standalone(chart))
        names = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert not names & {"script", "img", "foreignObject", "a", "image"}
        assert "<script>alert(1)" in "".join(tree.itertext())


def test_csv_keeps_its_columns_and_holds_no_formula() -> None:
    text = RENDERINGS["csv"].render(hostile()).decode()
    rows = list(csv.reader(StringIO(text)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == text.count("\n")
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@"))]


def test_json_holds_it_all() -> None:
    text = RENDERINGS["json"].render(hostile())
    assert msgspec.json.decode(text, type=Report) == hostile()
    assert HOSTILE in json.loads(text)["title"]


def test_llama_bench_is_a_line_a_test() -> None:
    text = RENDERINGS["llama-bench"].render(hostile()).decode()
    assert len([json.loads(line) for line in text.splitlines()]) == text.count("\n") > 6


def test_the_answer_is_one_line_of_markdown_each() -> None:
    assert len(answer(hostile())) == len(answer(usual())) == 3
