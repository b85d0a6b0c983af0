from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from msgspec.structs import replace

from crossbench.report.html import page as page_module
from crossbench.report.html.page import render
from crossbench.report.html.prose import html
from tests.comparison.scripted import Script
from tests.report.material import made, usual


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(usual()) == render(made())


def test_the_policy_allows_its_own_script_and_style_and_nothing_else() -> None:
    page = render(usual())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = policy[1].replace("&#39;", "'")
    for tag in ("script", "style"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert inside is not None
        digest = b64encode(sha256(inside[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in rules
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules


def test_sections_stand_in_the_order_a_reader_asks() -> None:
    page = render(usual())
    places = [
        page.index(f'id="{name}"')
        for name in (
            "main",
            "headline",
            "charts",
            "results",
            "machine",
            "integrity",
            "settings",
            "prompts",
            "definitions",
            "reproduce",
        )
    ]
    assert places == sorted(places)
    assert page.index('class="answer"') < places[0]


def test_every_anchor_leads_somewhere() -> None:
    page = render(usual())
    for anchor in re.findall(r'href="#([^"]*)"', page):
        assert f'id="{anchor}"' in page, anchor
    for one in re.findall(r' id="([^"]*)"', page):
        assert page.count(f' id="{one}"') == 1, one


def test_ties_and_winners_stand_beside_the_values() -> None:
    page = render(usual())
    assert re.search(r'class="verdict faster">[\d.]+\u00d7 \[[\d., ]+\] faster', page)
    assert re.search(r'class="verdict tie">[\d.]+\u00d7 \[[\d., ]+\] tie', page)


def test_a_usual_run_takes_less_than_a_megabyte() -> None:
    targets = {name: Script() for name in ("a", "b", "c")}
    page = render(made(targets, {f"s{place}": 300 + place for place in range(6)}))
    assert len(page.encode()) < 1_000_000


def test_a_run_of_nothing_has_a_page() -> None:
    bare = replace(usual(), scenarios=(), comparisons=(), baseline=None, targets=())
    assert "Definitions" in render(bare)


def test_settings_that_differ_are_shown_and_the_rest_is_folded() -> None:
    page = render(made({"one": Script(), "two": Script()}))
    shown = page[page.index('id="settings"') : page.index('id="prompts"')]
    assert shown.index("No setting differs") < shown.index("<details>")
    assert "alike, or of one engine only" in shown


def test_markdown_of_ours_cannot_carry_html() -> None:
    shown = str(html("x", ["<b>bold</b> [a](javascript:x) ![p](q.png)"]))
    assert shown == "<p>&lt;b&gt;bold&lt;/b&gt; [a](javascript:x) ![p](q.png)</p>\n"


def test_tables_of_the_notes_can_be_scrolled_by_keyboard_and_need_no_style() -> None:
    shown = str(html("Notes", ["| a | b |\n| --- | ---: |\n| 1 | 2 |"]))
    assert 'tabindex="0" aria-label="Notes, table 1"' in shown
    assert '<td class="num" data-sort="2">2</td>' in shown
    assert "style=" not in shown


def test_a_page_of_very_many_cells_has_the_speeds_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_module, "MOST_CELLS", 8)
    page = render(usual())
    assert "only speeds stand here" in page
    assert "data-raw" not in page[: page.index("<script>")]
    assert "gap p50" not in page[page.index('id="results"') : page.index('id="machine"')]
    monkeypatch.setattr(page_module, "MOST_CELLS", 9)
    assert "only speeds stand here" not in render(usual())
