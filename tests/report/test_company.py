"""Two runs in one report, each with replicas, a background, and an instrument of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from crossbench.api import Device
from crossbench.instrument.model import Capacity, Figures
from crossbench.journal.events import InstrumentMeasured
from crossbench.journal.writer import Journal
from crossbench.machine.model import Machine
from crossbench.report.given import asked
from crossbench.report.html import page as html
from crossbench.report.json_schema import json_schema
from crossbench.report.markdown import page as markdown
from crossbench.report.model import Report
from crossbench.report.write import as_json
from tests.comparison.scripted import LOADED, MACHINE, Script, write
from tests.conftest import TINY
from tests.report.material import spoilt
from tests.report.test_interference import slower, worked
from tests.report.test_several import MAC

SUITE = """
schema = 1
name = "company"
[model]
name = "tiny"
tokenizer = "{tiny}"
[targets.one]
backend = "null"
artifact = "{tiny}/config.json"
replicas = [1, 2]
[targets.back]
backend = "null"
artifact = "{tiny}/config.json"
[protocol]
launches = 4
repeats = 2
warmups = 0
burn_in = 0
sentinel = false
[[scenarios]]
name = "users"
prompt_tokens = 32
output_tokens = 24
concurrency = [2, 4]
[[scenarios]]
name = "chat"
prompt_tokens = 300
output_tokens = 24
background = {{ target = "back", scenario = "job" }}
[[scenarios]]
name = "job"
prompt_tokens = 32
output_tokens = 24
"""
CARD = Device(id="0", name="Some card", kind="gpu")
PAGES: list[Callable[[Report], str]] = [markdown.render, html.render]


def run(folder: Path, name: str, machine: Machine, *, gain: float, chunks_per_s: float) -> str:
    """A run in which two replicas give `gain` of one, and whose instrument carries that much."""
    place = folder / name
    place.mkdir()
    suite = place / "suite.toml"
    suite.write_text(SUITE.format(tiny=TINY))
    cards = (CARD, replace(CARD, id="1"))
    scripts = {
        "one-x1": Script(loaded=replace(LOADED, devices=cards[:1]), taken=slower(1.5)),
        "one-x2": Script(
            loaded=replace(LOADED, devices=cards), ttft_s=0.1 / gain, tpot_s=0.01 / gain
        ),
        "back": Script(),
    }
    made = write(place / "run", suite, scripts, machine=machine)
    carried = Capacity(streams=4, chunks_per_s=chunks_per_s)
    with Journal(made, new=False) as journal:
        journal.append(InstrumentMeasured(figures=Figures(capacities=(carried,))))
        for block in range(4):
            journal.append(worked(f"b{block + 1}-one-x1"))
    return f"{name}={made}"


@cache
def company() -> Report:
    """Two replicas give 1.8 times as much as one on the box, 1.2 times on the Mac."""
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        box = run(place, "box", MACHINE, gain=1.8, chunks_per_s=11_000)
        mac = run(place, "mac", MAC, gain=1.2, chunks_per_s=7_000)
        return asked([box, mac])


@pytest.mark.parametrize("render", PAGES)
def test_each_run_has_its_own_scaling_interference_and_instrument(
    render: Callable[[Report], str],
) -> None:
    page = render(company())
    for label, efficiency, carried in (("box", "0.90", "11,000"), ("mac", "0.60", "7,000")):
        scaling = section(page, f"Scaling: {label}")
        assert f"one-x2 @ {label}" in scaling
        assert efficiency in scaling
        interference = section(page, f"Interference: {label}")
        assert f"one-x1 @ {label}" in interference
        assert "1.500\u00d7" in interference
        integrity = section(page, f"Integrity: {label}")
        assert f"4 streams: up to {carried} chunks a second" in integrity


def section(page: str, title: str) -> str:
    """What stands between this heading and the next of its rank, in markdown or HTML."""
    begin, end = ("<h2>", "</h2>\n") if page.startswith("<!DOCTYPE") else ("## ", "\n\n")
    assert page.count(f"{begin}{title}{end}") == 1, title
    return page.partition(f"{begin}{title}{end}")[2].partition("\n" + begin)[0]


def test_they_are_found_by_the_names_that_targets_and_cells_have() -> None:
    report = company()
    cells = {
        (scenario.name, cell.target) for scenario in report.scenarios for cell in scenario.cells
    }
    for run in report.runs:
        (scaling,) = run.scaling
        assert scaling.baseline == f"one-x1 @ {run.label}"
        assert set(scaling.places) <= {target for _, target in cells}
        for row in (*scaling.rows, *scaling.best):
            assert (row.scenario, row.target) in cells
        for each in run.interference:
            assert (each.quiet, each.target) in cells
            assert (each.disturbed, each.target) in cells
    assert report.scaling == ()
    assert report.interference == ()
    assert report.instrument is None


def test_json_has_them_by_run() -> None:
    told = json.loads(as_json(company()))
    Draft202012Validator(json_schema()).validate(told)
    box, mac = told["runs"]
    points = [
        [row["efficiency"]["point"] for row in run["scaling"][0]["rows"] if row["efficiency"]]
        for run in (box, mac)
    ]
    assert points == [pytest.approx([0.9, 0.9], rel=0.02), pytest.approx([0.6, 0.6], rel=0.02)]
    carried = [run["instrument"]["capacities"][0]["chunks_per_s"] for run in (box, mac)]
    assert carried == [11_000, 7_000]
    assert [bool(run["interference"]) for run in (box, mac)] == [True, True]


@pytest.mark.parametrize("first", ["", "- item ", "    code ", "# h "])
def test_hostile_names_make_no_heading_table_or_html(first: str) -> None:
    def tokens(report: Report) -> list[Token]:
        parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        return parser.parse(markdown.render(report))

    calm, spoiled = tokens(company()), tokens(spoilt(company(), first))
    opened = ("heading", "table", "tr", "th", "td", "bullet_list", "ordered_list", "blockquote")
    for kind in (*(f"{name}_open" for name in opened), "code_block", "fence", "html_block"):
        found = [sum(each.type == kind for each in told) for told in (calm, spoiled)]
        assert found[0] == found[1], kind
    inside = [each.type for token in spoiled for each in token.children or ()]
    assert not {"html_inline", "link_open"} & set(inside)


def test_a_run_that_has_none_says_nothing_of_it(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(tiny=TINY).replace("replicas = [1, 2]\n", ""))
    plain = write(tmp_path / "run", suite, {"one": Script(), "back": Script()}, machine=MAC)
    box = run(tmp_path, "box", MACHINE, gain=1.8, chunks_per_s=11_000)
    page = markdown.render(asked([box, f"mac={plain}"]))
    assert "## Scaling: box" in page
    assert "## Scaling: mac" not in page
