"""The index over a folder of reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from crossbench.errors import InputError
from crossbench.machine.model import Machine
from crossbench.publish.copy import publish
from crossbench.publish.entries import Entry, by_suite, listed
from crossbench.publish.index import index
from crossbench.publish.page import render as page
from crossbench.publish.readme import MARK
from crossbench.publish.readme import render as readme
from crossbench.report.given import asked
from crossbench.report.write import put
from tests.comparison.scripted import MACHINE, Script, write
from tests.publish.material import private_run
from tests.report.material import HOSTILE, suite
from tests.report.test_hostile import Page, unseen

MAC = replace(MACHINE, platform="macos-arm64", cpu="Apple M3 Max", memory_bytes=64 * 2**30)
SCRIPTS = {"one": Script(), "two": Script(tpot_s=0.005)}


def run(folder: Path, name: str, started: str, machine: Machine = MACHINE) -> Path:
    """A run of a suite of that name."""
    folder = folder / re.sub(r"\W", "", f"{name}{started}{machine.cpu}")
    folder.mkdir(parents=True)
    path = suite(folder, list(SCRIPTS), {"short": 32}, 3)
    path.write_text(path.read_text().replace('name = "material"', f'name = "{name}"'))
    return write(folder / "run", path, SCRIPTS, started=started, machine=machine)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two suites, two machines, three days."""
    folder = tmp_path_factory.mktemp("index")
    runs = [
        run(folder, "old", "2026-01-01T00:00:00Z"),
        run(folder, "new", "2026-03-03T00:00:00Z", MAC),
        run(folder, "new", "2026-02-02T00:00:00Z"),
        run(folder, "new", "2026-02-01T00:00:00Z", MAC),
    ]
    for each in runs:
        publish(each, folder / "site")
    put(asked([str(runs[1]), str(runs[2])]), folder / "site" / "both")
    return folder / "site"


def test_the_newest_come_first_by_suite_and_machine(site: Path) -> None:
    found = [
        (of_suite.suite, of_machine.machine, [each.started[5:10] for each in of_machine.entries])
        for of_suite in by_suite(listed(site).entries)
        for of_machine in of_suite.machines
    ]
    assert found == [
        ("new", "Apple M3 Max and Some CPU", ["03-03"]),
        ("new", "Apple M3 Max", ["03-03", "02-01"]),
        ("new", "Some CPU", ["02-02"]),
        ("old", "Some CPU", ["01-01"]),
    ]


def test_every_link_leads_to_a_file(site: Path) -> None:
    index(site)
    text = (site / "README.md").read_text()
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert len(links) == 4 * 6 + 4
    links += re.findall(r'href="([^#"]*)"', (site / "index.html").read_text())
    assert len(links) == 2 * (4 * 6 + 4) + 5
    for link in links:
        assert (site / link).is_file(), link


def test_it_says_what_came_out(site: Path) -> None:
    index(site)
    for name in ("README.md", "index.html"):
        text = (site / name).read_text()
        assert "two (16 bits) decodes 2.0" in text or "two (16 bits) decodes 1.99" in text
        assert "Quality not measured" in text


def test_it_gives_the_same_bytes_and_keeps_the_owners_words(site: Path) -> None:
    index(site)
    before = [(site / name).read_bytes() for name in ("README.md", "index.html")]
    index(site)
    assert [(site / name).read_bytes() for name in ("README.md", "index.html")] == before
    assert before[0].startswith(b"# Reports\n\n<!--")
    words = "# Our runs\n\nMeasured in *the cellar*."
    (site / "README.md").write_text(words)
    index(site)
    text = (site / "README.md").read_text()
    assert text == before[0].decode().replace("# Reports", words)
    index(site)
    assert (site / "README.md").read_text() == text
    (site / "README.md").unlink()


def test_a_page_of_somebody_elses_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(InputError, match="was not made by crossbench publish"):
        index(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<h1>mine</h1>"
    assert not (tmp_path / "README.md").exists()


def test_what_is_private_is_left_out_and_said(tmp_path: Path) -> None:
    raw = private_run(tmp_path / "site" / "a")
    put(asked([str(raw)]), raw)
    put(asked([str(raw)], redact=False), tmp_path / "site" / "open")
    (tmp_path / "site" / "bad").mkdir()
    (tmp_path / "site" / "bad" / "report.json").write_text("{}")
    (tmp_path / "site" / "x.part").mkdir()
    (tmp_path / "site" / "x.part" / "report.json").write_text("{}")
    found = listed(tmp_path / "site")
    assert found.entries == ()
    told = [each.partition(": ")[2] for each in found.left_out]
    assert "a run as it was measured" in told[0]
    assert "is no report of crossbench" in told[1]
    assert "made with --no-redact" in told[2]
    assert len(told) == 3


def entry(text: str) -> Entry:
    return Entry(
        folder="a/b c",
        title=text,
        suite=text,
        model=text,
        machine=text,
        started=text,
        outcome=text,
        targets=(text,) * 12,
        not_measured=3,
        answer=(text, text),
        files=("report.md", "report.html", "journal.jsonl"),
    )


def test_hostile_text_changes_nothing_of_the_page() -> None:
    calm, spoilt = Page(page((entry("calm"),))), Page(page((entry(HOSTILE),)))
    assert spoilt.tags == calm.tags
    assert spoilt.attributes == calm.attributes
    assert "script" not in spoilt.tags
    assert not unseen(page((entry(HOSTILE),)))
    assert any("<script>alert(1)</script>" in words for words in spoilt.words)


@pytest.mark.parametrize("first", ["", "- item ", "1. one ", "    code ", "> quote ", "# h "])
def test_hostile_text_changes_nothing_of_the_readme(first: str) -> None:
    def shape(text: str) -> list[str]:
        parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        tokens = parser.parse(readme((entry(text),)))
        assert not unseen(readme((entry(text),)))
        inline = [child for token in tokens for child in token.children or ()]
        links = [str(each.attrGet("href")) for each in inline if each.type == "link_open"]
        assert links == ["a/b%20c/report.md", "a/b%20c/report.html", "a/b%20c/journal.jsonl"]
        assert not [each for each in inline if each.type in ("html_inline", "image")]
        return [token.type for token in tokens]

    assert shape(first + HOSTILE) == shape("calm")


def test_an_empty_folder_has_an_index_too(tmp_path: Path) -> None:
    index(tmp_path)
    assert MARK in (tmp_path / "README.md").read_text()
    assert "No report yet" in (tmp_path / "index.html").read_text()
