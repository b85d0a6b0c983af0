"""What was asked stands in the report, in words that can be read."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.report.asked import words
from crossbench.report.html import page as html
from crossbench.report.markdown import page as markdown
from crossbench.suite.model import Prompt
from crossbench.suite.tables.prompts import Message
from tests.report.material import usual


def test_each_form_of_a_prompt_is_told() -> None:
    why = Message(role="user", content="Why?")
    asked = Prompt(messages=(why,))
    turns = Prompt(messages=(Message(role="system", content="Be brief."), why))
    told = words([asked, turns, Prompt(text="x" * 600), Prompt(ids=(1, 2)), Prompt()])
    assert told[:2] == ("Why?", "system: Be brief.\nuser: Why?")
    assert (len(told[2]), told[2][-1]) == (500, "\u2026")
    assert told[3:] == ("(2 given ids)",)
    assert words([Prompt(synthetic_tokens=512)]) == ("(512 synthetic tokens)",)


def test_scenarios_that_ask_the_same_are_told_together() -> None:
    report = usual()
    first, second, *rest = report.scenarios
    asked = ("Why is *this* so?",)
    alike = (replace(first, asked=asked), replace(second, asked=asked))
    others = tuple(replace(each, asked=()) for each in rest)
    shown = replace(report, scenarios=(*alike, *others))
    text = markdown.render(shown)
    assert f"{first.name}, {second.name}:\n\n- Why is \\*this\\* so?" in text
    assert html.render(shown).count("Why is *this* so?") == 1


def test_what_was_left_out_is_not_told() -> None:
    report = usual()
    bare = replace(report, scenarios=tuple(replace(e, asked=()) for e in report.scenarios))
    assert "What was asked" not in markdown.render(bare)
    assert "What was asked" not in html.render(bare)
