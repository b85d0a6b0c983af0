"""Our own plugins, checked by the commands of docs/conformance.md and held to its table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import msgspec

from crossbench.plugins.verdict import Checked, RuleVerdict
from tests.conftest import ROOT, engine, run_crossbench

PAGE = (ROOT / "docs" / "conformance.md").read_text().partition("\n## Our own plugins\n")[2]


class Row(NamedTuple):
    """What the page says of a plugin."""

    held: int
    left_out: frozenset[str]

    def without(self, rules: Container[str]) -> Row:
        """The same, with these taken for held."""
        kept = frozenset(rule for rule in self.left_out if rule not in rules)
        return Row(self.held + len(self.left_out) - len(kept), kept)


def row(name: str) -> Row:
    """That of its table."""
    (cells,) = re.findall(rf"^\| `{name}` [^|]*\|[^|]*\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    return Row(int(cells[0]), frozenset(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", cells[1])))


def command(name: str) -> list[str]:
    """What the page has a reader type, without the program's own name."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    commands = re.split(r"\n(?=crossbench )", block.replace("\\\n", " "))
    (words,) = (words for each in commands if (words := shlex.split(each))[3] == name)
    return words[1:]


def assert_kept(
    name: str,
    *,
    bad_options: Sequence[str] = (),
    more: Sequence[object] = (),
    places: Mapping[str, str] | None = None,
    either: Container[str] = (),
    timeout_s: float = 280,
) -> None:
    """Run the page's command: no rule is broken, and what it finds is what the table says.

    `bad_options` are TOML tables that must be refused; `places` are words of the command that
    stand for others; `either` are rules that hold or are left out as the machine is busy or not.
    """
    engine(name)
    words = command(name)
    for place, value in (places or {}).items():
        words = [word.replace(place, value) for word in words]
    bad = ["--set", f"bad_options=[{', '.join(bad_options)}]"] if bad_options else []
    done = run_crossbench(ROOT, *words, "--json", *bad, *more, timeout_s=timeout_s)
    assert done.returncode in (0, 1), done.stderr
    told = msgspec.json.decode(done.stdout, type=Checked)
    assert not told.broken, "\n\n".join(map(_words, told.broken))
    left_out = frozenset(each.rule for each in told.verdicts if each.verdict == "left out")
    assert Row(told.count("holds"), left_out).without(either) == row(name).without(either)


def _words(verdict: RuleVerdict) -> str:
    found = f"found: {verdict.found}\nrule:  {verdict.statement}\ndo:    {verdict.do}"
    return f"{verdict.subject}: {verdict.rule}\n{found}"
