"""Tables of the sections in words: what a page sorts and filters them by."""

from __future__ import annotations

import pytest

from crossbench.report.html.prose import html
from crossbench.report.html.tables import Rows, amount
from crossbench.report.words import escaped, table

ROWS = Rows(
    targets={"a|b": 3}, scenarios={"chat": 1, "chat-c8": 2}, levels={("chat", "8 users"): 2}
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12.5 ms [12, 13]", 0.0125),
        ("8 \u00b5s", 8e-6),
        ("1,234 tok/s", 1234.0),
        ("1.5 GiB", 1.5 * 2**30),
        ("8 users", 8.0),
        ("1.024\u00d7 [1, 2] **faster**", 1.024),
        ("-0.5 %", -0.5),
        ("8b", None),
        ("1.2.3", None),
        ("\u2013", None),
        ("withheld", None),
        ("", None),
    ],
)
def test_a_cell_is_sorted_by_what_it_begins_with(text: str, wanted: float | None) -> None:
    assert amount(text) == (None if wanted is None else pytest.approx(wanted))


def test_a_row_says_which_target_and_scenario_it_is_about() -> None:
    told = table(
        ["scenario", "target", "TTFT"], [["chat", escaped("a|b"), "2 ms"], ["x", "y", "\u2013"]], 1
    )
    page = str(html("Some", [told], ROWS))
    assert '<tr data-target="3" data-scenario="1">' in page
    assert '<tr>\n<th scope="row">x</th>' in page
    assert '<td class="num" data-sort="0.002">2 ms</td>' in page
    assert '<td class="num" data-sort="">\u2013</td>' in page


def test_a_level_of_a_load_is_its_scenario() -> None:
    told = table(["target", "load"], [["a", "8 users"], ["a", "1 user"]])
    page = str(html("Load", ["### chat", told, "### other", told], ROWS))
    assert page.count('<tr data-scenario="2">') == 1


def test_a_column_of_names_has_no_order_but_its_letters() -> None:
    page = str(html("Some", [table(["target", "rule"], [["8", "some"], ["9", "other"]])], ROWS))
    assert "data-sort" not in page
