"""How a report says to do it again, and what was known before it ran."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Finding
from crossbench.report.markdown.command import checkout, command_line
from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.page import reproduce
from tests.report.material import usual


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["crossbench", "run", "a.toml", "--out", "x", "--trust"], "crossbench run a.toml --trust"),
        (
            ["crossbench", "run", "--python=vllm=PATH/python", "a b.toml"],
            "crossbench run --python vllm=PYTHON 'a b.toml'",
        ),
        (
            [
                *("crossbench", "run", "a.toml", "--python", "vllm=/one/python", "-o", "x"),
                *("--python", "openai=/two/python", "--python=vllm=/three/python", "--trust"),
            ],
            "crossbench run a.toml --python vllm=PYTHON --python openai=PYTHON --trust",
        ),
        (["crossbench", "run", "--python", "/secret/python"], "crossbench run"),
    ],
)
def test_the_command_is_one_that_works_elsewhere(command: list[str], shown: str) -> None:
    assert command_line(command) == shown


def test_the_code_that_measured_can_be_had() -> None:
    assert checkout("0.1.0") == (
        "With crossbench 0.1.0; the commit it was measured by was not recorded."
    )
    told = checkout("0.1.0+g0123456789ab.dirty")
    assert "`git checkout 0123456789ab`" in told
    assert "files had been changed" in told


PLACEHOLDER = "PYTHON is an interpreter that has the backend; left out, crossbench builds one."
BEFOREHAND = "What it needs beforehand stands at the head of the suite."


def told_again(words: str, **options: Any) -> str:
    """The section of a run by this command, of a target with these options."""
    report = usual()
    target = replace(report.targets[0], options=options)
    return "\n".join(reproduce(replace(report, command=tuple(words.split()), targets=(target,))))


def test_a_command_that_names_interpreters_says_what_stands_for_them() -> None:
    told = told_again("crossbench run a.toml --python null=/home/jo/python")
    assert "    crossbench run a.toml --python null=PYTHON\n" in told
    assert PLACEHOLDER in told
    assert "/home/jo" not in told
    assert "{python}" not in told
    assert "PYTHON" not in told_again("crossbench run a.toml --out x")


def test_an_interpreter_that_starts_a_server_is_said_to() -> None:
    named = "crossbench run a.toml --python null=PATH/python"
    told = told_again(named, command=["{python}", "-m", "serving"])
    assert f"{PLACEHOLDER} That of null is also the `{{python}}` that starts the server" in told
    assert "{python}" not in told_again(named, command=["serving"])
    assert "{python}" not in told_again("crossbench run a.toml", command=["{python}"])


def test_servers_that_were_started_by_hand_send_the_reader_to_the_suite() -> None:
    command = "crossbench run a.toml"
    assert BEFOREHAND in told_again(command, rpc_servers=["(address):50052"])
    assert BEFOREHAND in told_again(command, base_url="http://(host):8000/v1")
    assert BEFOREHAND not in told_again(command, base_url="http://host:8000/v1", command=["serve"])
    assert BEFOREHAND not in told_again(command, threads=2)


def test_what_was_known_before_is_told_once_with_all_its_targets() -> None:
    def eager(target: str) -> Finding:
        return Finding(
            rule="eager", severity="unfair", targets=(target,), evidence="no compiler", fix="-"
        )

    wide = Finding(
        rule="wide",
        severity="note",
        targets=("one", "two"),
        evidence="one has 8, two has 4",
        fix="-",
    )
    other = replace(wide, targets=("a: one", "a: two"))
    machine = replace(wide, targets=(), evidence="on battery")
    told = replace(
        usual(), findings=(eager("one"), wide, eager("two"), eager("one"), other, machine)
    )
    known = [line for line in integrity(told).splitlines() if "Known before" in line]
    assert known == [
        "- **Known before it ran** (eager, unfair): one, two: no compiler.",
        "- **Known before it ran** (wide, note): one, two, a: one, a: two: one has 8, two has 4.",
        "- **Known before it ran** (wide, note): on battery.",
    ]
    alone = integrity(replace(told, findings=(wide,)))
    assert "(wide, note): one has 8, two has 4." in alone
    elsewhere = integrity(replace(told, findings=(other,)))
    assert "(wide, note): a: one, a: two: one has 8, two has 4." in elsewhere
