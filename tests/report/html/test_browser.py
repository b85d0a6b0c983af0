"""`report.html` as a reader meets it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.report.html.conftest import Opener
from tests.report.material import usual

pytestmark = pytest.mark.slow


def names(page: Page, table: str) -> list[str]:
    """The targets of a table in the order they stand, as far as they are seen."""
    rows = page.locator(f"{table} tbody tr:visible th")
    return [text.split()[0] for text in rows.all_inner_texts()]


@pytest.mark.parametrize("name", ["usual", "hostile", "several"])
def test_it_loads_from_a_file_alone_and_complains_of_nothing(opened: Opener, name: str) -> None:
    watched = opened(name)
    expect(watched.page.locator("#filters")).to_be_visible()
    assert watched.said == []
    assert [url.rpartition("/")[2] for url in watched.asked] == [f"{name}.html"]


@pytest.mark.parametrize("name", ["index", "hostile-index"])
def test_the_index_loads_from_a_file_alone_and_complains_of_nothing(
    opened: Opener, name: str
) -> None:
    watched = opened(name)
    assert watched.said == []
    assert [url.rpartition("/")[2] for url in watched.asked] == [f"{name}.html"]
    assert watched.page.locator("script, img, iframe, object, embed").count() == 0
    links = watched.page.locator("article a")
    assert all(
        str(link.get_attribute("href")).startswith("a/b%20c/report") for link in links.all()[:2]
    )


def test_script_that_is_not_its_own_does_not_run(opened: Opener) -> None:
    watched = opened()
    watched.page.evaluate(
        "() => { const own = document.createElement('script');"
        " own.textContent = 'window.foreign = 1'; document.body.append(own); }"
    )
    assert watched.page.evaluate("window.foreign") is None
    assert any("Content Security Policy" in said for said in watched.said)


def test_hostile_text_is_shown_as_it_is(opened: Opener) -> None:
    page = opened("hostile").page
    heading = page.locator("h1").inner_text()
    assert "<script>alert(1)</script>" in heading
    assert "\\x1b[31m\\u202e" in heading
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, embed, a:not([href^='#'])").count() == 0


def test_a_columns_head_sorts_and_sorts_back(opened: Opener) -> None:
    page = opened().page
    head = page.locator("#headline th").filter(has_text="decode")
    head.get_by_role("button").click()
    assert names(page, "#headline")[0] == "two"
    expect(head).to_have_attribute("aria-sort", "descending")
    head.get_by_role("button").click()
    assert names(page, "#headline")[-1] == "two"
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_sorting_works_by_keyboard_and_is_told(opened: Opener) -> None:
    page = opened().page
    button = page.locator("#headline th").filter(has_text="target").get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    assert names(page, "#headline") == ["one", "same", "two"]
    expect(page.locator("#said")).to_have_text("Sorted by target, ascending")


def test_a_target_that_is_not_ticked_is_nowhere(opened: Opener) -> None:
    page = opened().page
    page.locator("#filters summary").click()
    page.locator("input[name=target][value='1']").uncheck()
    assert "two" not in names(page, "#headline") + names(page, "#results")
    assert page.locator("svg g.off[data-target='1']").count() > 0
    assert page.locator("svg g.off[data-target='0']").count() == 0
    page.locator("input[name=target][value='1']").check()
    assert "two" in names(page, "#headline")


def test_tables_of_sections_in_words_are_sorted_and_filtered_too(opened: Opener) -> None:
    """Of the targets table, how long each takes to be ready."""
    page = opened().page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    table = page.locator("#settings table").filter(has_text="first request")
    load = table.locator("th").filter(has_text="load").first
    load.get_by_role("button").click()
    keys = [
        float(str(each.get_attribute("data-sort")))
        for each in table.locator("tbody td:nth-child(2)").all()
    ]
    assert len(keys) == 3
    assert keys == sorted(keys, reverse=True)
    page.locator("input[name=target][value='1']").uncheck()
    shown = table.locator("tbody tr:visible th").all_inner_texts()
    assert sorted(text.strip() for text in shown) == ["one", "same"]


def test_a_row_is_hidden_where_its_target_or_its_scenario_is(opened: Opener) -> None:
    page = opened("several").page
    page.locator("#filters summary").click()
    row = page.locator("main tr[data-target][data-scenario]").first
    for name in ("target", "scenario"):
        box = page.locator(f"input[name={name}][value='{row.get_attribute(f'data-{name}')}']")
        box.uncheck()
        expect(row).to_be_hidden()
        box.check()
        expect(row).to_be_visible()


def test_a_scenario_that_is_not_ticked_is_hidden(opened: Opener) -> None:
    page = opened().page
    page.locator("#filters summary").click()
    page.locator("input[name=scenario][value='1']").uncheck()
    expect(page.locator("[data-scenario='1'] >> nth=0")).to_be_hidden()
    expect(page.locator("[data-scenario='0'] >> nth=0")).to_be_visible()


def test_pointing_at_a_value_shows_its_launches_and_samples(opened: Opener) -> None:
    page = opened().page
    page.locator("#results td[data-raw]").first.hover()
    expect(page.locator("#raw")).to_be_visible()
    shown = page.locator("#raw").inner_text().splitlines()
    assert len(shown) == 6
    measured = usual().scenarios[0].cells[0]
    wanted = measured.samples[measured.metrics[0].name]
    for line, (launch, samples) in zip(shown, wanted.items(), strict=True):
        assert line.startswith(launch)
        told = [float(word) for word in line.partition(": ")[2].split()]
        assert told == pytest.approx([1e3 * each for each in samples], rel=1e-3)
    page.locator("h1").hover()
    expect(page.locator("#raw")).to_be_hidden()


def test_arrow_keys_go_from_value_to_value(opened: Opener) -> None:
    page = opened().page
    first = page.locator("#headline td[data-raw]").first
    first.focus()
    expect(page.locator("#raw")).to_contain_text("b1-one")
    expect(first).to_have_attribute("aria-describedby", "raw")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#raw")).to_contain_text("b1-two")
    page.keyboard.press("Escape")
    expect(page.locator("#raw")).to_be_hidden()
    assert page.locator("#headline td[tabindex='0']").count() == 1


@pytest.mark.parametrize("name", ["usual", "hostile", "several", "index", "hostile-index"])
@pytest.mark.parametrize("width", [380, 1200])
def test_the_page_itself_never_scrolls_sideways(opened: Opener, name: str, width: int) -> None:
    page = opened(name, width=width).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("name", "dark"),
    [("usual", False), ("usual", True), ("several", False), ("index", True)],
)
def test_axe_finds_nothing(opened: Opener, name: str, dark: bool) -> None:
    page = opened(name, dark=dark).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_without_script_everything_can_be_read(opened: Opener) -> None:
    page = opened(script=False).page
    shown = page.locator("body").inner_text()
    assert "times as fast as" in shown
    assert page.locator("#results tbody tr:visible").count() >= 9
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator(".hint")).to_be_hidden()


def test_it_follows_light_and_dark_and_prints_on_white(opened: Opener) -> None:
    def paper(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def chart(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.querySelector('.paper')).fill"))

    light, dark = opened().page, opened(dark=True).page
    assert paper(light) == chart(light) == "rgb(255, 255, 255)"
    assert paper(dark) == chart(dark) == "rgb(20, 24, 29)"
    dark.emulate_media(media="print")
    assert paper(dark) == chart(dark) == "rgb(255, 255, 255)"
    expect(dark.locator("nav")).to_be_hidden()
