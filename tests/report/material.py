"""Reports to render: one of a scripted run, and one whose every free text is hostile."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from crossbench.report.json_schema import json_schema
from crossbench.report.markdown.panel import TITLES as CHECKS
from crossbench.report.markdown.targets import HOW
from crossbench.report.model import Report
from crossbench.report.words import TITLES, UNITS
from tests.comparison.scripted import Script, report
from tests.conftest import TINY

HOSTILE = (
    '=<script>alert(1)</script></title></style><img src=x onerror="alert(2)">|`x` '
    "\x1b[31m\u202e\u061c\x00\x7f\x85\ufeff\xad\u034f\u3164\U000e0041"
    " **bold** __x__ [a](javascript:alert(3)) ![b](x.png) "
    "<http://a.example> & \" ' {{ 7*7 }} {% raw %} ]]> -->\n# heading\n\n- item\n"
)
"""What a model, a suite, an engine or a file name may hold."""
TARGETS = {
    "one": Script(ttft_s=0.1, tpot_s=0.010),
    "two": Script(ttft_s=0.2, tpot_s=0.005),
    "same": Script(ttft_s=0.1, tpot_s=0.010),
}
SCENARIOS = {"short": 32, "middle": 300, "long": 600}


def suite(folder: Path, targets: list[str], scenarios: dict[str, int], launches: int) -> Path:
    """A suite file of null targets."""
    tables = "".join(
        f'[targets.{name}]\nbackend = "null"\nartifact = "{TINY / "config.json"}"\n'
        for name in targets
    )
    blocks = "".join(
        f'[[scenarios]]\nname = "{name}"\nprompt_tokens = {tokens}\noutput_tokens = 24\n'
        for name, tokens in scenarios.items()
    )
    path = folder / "material.toml"
    path.write_text(
        f'schema = 1\nname = "material"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n{tables}'
        f"[protocol]\nlaunches = {launches}\nrepeats = 2\nwarmups = 0\nburn_in = 0\n"
        f"sentinel = false\n{blocks}"
    )
    return path


def made(
    targets: dict[str, Script] = TARGETS,
    scenarios: dict[str, int] = SCENARIOS,
    launches: int = 6,
) -> Report:
    """The report of a run of these targets."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        path = suite(folder, list(targets), scenarios, launches)
        return report(folder / "run", path, targets)


@cache
def usual() -> Report:
    """Three targets on three lengths: the second decodes twice as fast, the third is alike."""
    return made()


@cache
def hostile(first: str = "") -> Report:
    """The usual one, with `first` and `HOSTILE` before every text that is not one of a fixed set of
    words."""
    return spoilt(usual(), first)


def spoilt(report: Report, first: str = "") -> Report:
    """The same with hostile texts."""
    kept = {*_words(json_schema()), *TITLES, *UNITS, *HOW, *CHECKS, "s", "cold"}
    return msgspec.convert(_spoilt(msgspec.to_builtins(report), kept, first + HOSTILE), Report)


def _words(node: Any) -> set[str]:
    """All fixed words of a schema."""
    found: set[str] = set()
    if isinstance(node, dict):
        found |= {each for each in node.get("enum", ()) if isinstance(each, str)}
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            found |= _words(each)
    return found


def _spoilt(node: Any, kept: set[str], by: str) -> Any:
    if isinstance(node, dict):
        return {_key(key, kept, by): _spoilt(each, kept, by) for key, each in node.items()}
    if isinstance(node, list | tuple):
        return [_spoilt(each, kept, by) for each in node]
    if isinstance(node, str) and node not in kept:
        return by + node
    return node


FIELDS = {name for kind in json_schema()["$defs"].values() for name in kind.get("properties", {})}


def _key(key: str, kept: set[str], by: str) -> str:
    """Names of fields stay; those of launches and options do not."""
    return key if key in FIELDS or key in kept else by + key
