"""What the prompts of a run ask, in words short enough to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.report.model import Report, ScenarioReport
from crossbench.report.words import counted, shortened
from crossbench.suite.model import Prompt

MOST_LETTERS, MOST_PROMPTS = 500, 20


def words(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Each prompt of words, cut where it is long; nothing of those that were left out."""
    told = [text for each in prompts if (text := _text(each))]
    return tuple(shortened(text, MOST_LETTERS) for text in told[:MOST_PROMPTS])


def _text(prompt: Prompt) -> str | None:
    if prompt.messages is not None:
        first, *more = prompt.messages
        if not more and first.role == "user":
            return first.content
        return "\n".join(f"{each.role}: {each.content}" for each in prompt.messages)
    if prompt.ids is not None:
        return f"({counted(len(prompt.ids), 'given id')})"
    if prompt.synthetic_tokens is not None:
        return f"({prompt.synthetic_tokens:,} synthetic tokens)"
    return prompt.text


def told_together(report: Report) -> Iterator[tuple[list[str], ScenarioReport]]:
    """Scenarios that ask the same, such as the levels of one load: their names, and one of them."""
    together: dict[tuple[str, ...], list[ScenarioReport]] = {}
    for scenario in report.scenarios:
        if scenario.asked:
            together.setdefault(scenario.asked, []).append(scenario)
    for alike in together.values():
        yield [each.name for each in alike], alike[0]


def unsaid(scenario: ScenarioReport) -> str:
    """How many prompts are not shown; empty where all are."""
    left = len(scenario.prompt_tokens) - len(scenario.asked)
    return f"and {counted(left, 'further prompt')}" if left > 0 else ""
