"""A run without its prompts and answers: as measured, but nobody can tell what was asked.

Lengths, counts, stamps and hashes stay, so its numbers are the same. Of scored windows it stays
whether two targets find the same id likeliest at a place, and no id. Of a failure its kind and
phase stay: an engine's words may quote a prompt in part, or its ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec.structs import replace

from crossbench.journal.events import CellFailed, Event, SampleTaken, ScoringFailed, WindowScored
from crossbench.journal.manifest import Manifest
from crossbench.redaction.run import Source
from crossbench.suite.model import Prompt, Scenario

LEAST_LETTERS = 8
"""A shorter prompt is not looked for in messages: it may be any word."""
LEFT_OUT = "its words were left out with the prompts"


def texts(manifest: Manifest) -> Iterator[str]:
    """The prompts that are words, as messages of engines may quote them."""
    for scenario in manifest.plan.suite.scenarios:
        for prompt in scenario.prompts:
            told = [prompt.text or "", *(each.content for each in prompt.messages or ())]
            yield from (each for each in told if len(each) >= LEAST_LETTERS)


def promptless(source: Source) -> Source:
    """The same run without them."""
    return replace(
        source,
        manifest=_manifest(source.manifest),
        events=lambda: _events(source.events()),
    )


def _manifest(manifest: Manifest) -> Manifest:
    suite = manifest.plan.suite
    scenarios = tuple(map(_scenario, suite.scenarios))
    told = manifest.suite_text if scenarios == suite.scenarios else ""
    plan = replace(manifest.plan, suite=replace(suite, scenarios=scenarios))
    return replace(manifest, suite_text=told, plan=plan, published="without prompts")


def _scenario(scenario: Scenario) -> Scenario:
    """Synthetic prompts are nobody's: they stay."""
    kept = tuple(each if each.synthetic_tokens else Prompt() for each in scenario.prompts)
    return replace(scenario, prompts=kept)


def _events(events: Iterator[Event]) -> Iterator[Event]:
    likeliest: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        if isinstance(event, SampleTaken):
            yield _sample(event)
        elif isinstance(event, WindowScored):
            yield _window(event, likeliest[event.window])
        elif isinstance(event, CellFailed | ScoringFailed):
            yield replace(event, message=LEFT_OUT)
        else:
            yield event


def _sample(event: SampleTaken) -> SampleTaken:
    record = event.record
    failure = record.failure
    if record.token_ids is None and record.text is None and failure is None:
        return event
    ids = None if record.token_ids is None else (0,) * len(record.token_ids)
    said = None if failure is None else replace(failure, message=LEFT_OUT)
    return replace(event, record=replace(record, token_ids=ids, text=None, failure=said))


def _window(event: WindowScored, seen: dict[int, list[int]]) -> WindowScored:
    """In the place of an id, the number of it among those found likeliest there."""
    return replace(
        event,
        likeliest=tuple(_number(seen[place], each) for place, each in enumerate(event.likeliest)),
    )


def _number(known: list[int], found: int) -> int:
    if found not in known:
        known.append(found)
    return known.index(found)
