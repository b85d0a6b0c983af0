"""Phases of a scenario repeated alone, on a scripted clock and engine."""

from __future__ import annotations

import pytest

from crossbench.journal.events import Role, SampleTaken
from crossbench.plan.energy import FILL_S
from crossbench.prompts.book import PromptBook
from crossbench.run import alone
from crossbench.run.alone import Shortest, fill, request
from crossbench.suite.model import Prompt
from crossbench.worker.protocol import Record, RequestFailure
from tests.prompts.makers import chat, scenario, suite

NS = 10**9
TALK = scenario("talk", chat(("user", "What is 2 and 2?")), Prompt(text="Hi"), output_tokens=50)
LONG = scenario("long", Prompt(synthetic_tokens=300), output_tokens=5)


def sample(
    *at_s: float, role: Role = "timed", scenario: str = "talk", failed: bool = False
) -> SampleTaken:
    """One whose chunks came at these seconds."""
    return SampleTaken(
        launch="b1",
        scenario=scenario,
        role=role,
        repeat=0,
        prompt=0,
        prompt_tokens=10,
        prompt_sha256="",
        asked_tokens=len(at_s),
        natural=False,
        record=Record(
            id="",
            t0_ns=0,
            stamps_ns=tuple(round(each * NS) for each in at_s),
            counts=(1,) * len(at_s),
            token_ids=None,
            text=None,
            finish=None,
            failure=RequestFailure(kind="request", message="no") if failed else None,
        ),
    )


class Engine:
    """One whose requests take so long, and whose host needs so long between two times."""

    def __init__(self, request_s: float, host_s: float = 0.0) -> None:
        self.now = 0.0
        self.asked: list[range] = []
        self._request_s = request_s
        self._host_s = host_s

    def clock(self) -> float:
        return self.now

    def run(self, numbers: range) -> list[SampleTaken]:
        self.asked.append(numbers)
        self.now += len(numbers) * self._request_s + self._host_s
        return [sample(self._request_s, role="prefill") for _ in numbers]


@pytest.mark.parametrize("request_s", [0.004, 0.3, 1.5, 9.0, 30.0])
def test_a_window_is_filled_and_not_much_more(request_s: float) -> None:
    engine = Engine(request_s)
    fill(engine.run, engine.clock)
    numbers = [number for each in engine.asked for number in each]
    assert numbers == list(range(len(numbers)))
    spent_s = len(numbers) * request_s
    assert FILL_S <= spent_s < FILL_S + max(2.0, request_s)
    assert all(len(each) * request_s <= alone.ASK_S + request_s for each in engine.asked)
    assert len(engine.asked) <= 2 + FILL_S / alone.ASK_S * 2


def test_a_host_that_is_slow_and_an_engine_that_takes_no_time_are_bounded() -> None:
    slow = Engine(0.01, host_s=15.0)
    fill(slow.run, slow.clock)
    assert slow.now <= alone.LIMIT_S + alone.ASK_S + 15.0
    instant = Engine(1e-6)
    fill(instant.run, instant.clock)
    assert sum(map(len, instant.asked)) == alone.MOST
    assert max(map(len, instant.asked)) == alone.MOST_AT_ONCE


@pytest.mark.parametrize("broken", [sample(failed=True), sample()])
def test_the_first_failure_ends_it(broken: SampleTaken) -> None:
    asked: list[range] = []

    def run(numbers: range) -> list[SampleTaken]:
        asked.append(numbers)
        return [broken if len(asked) == 2 else sample(0.5)] * len(numbers)

    fill(run, lambda: 0.0)
    assert len(asked) == 2


def test_phases_that_were_long_need_no_repeating() -> None:
    shortest = Shortest()
    for taken in (sample(12, 40), sample(11, 20), sample(4, 60, role="warmup")):
        shortest.take(taken)
    assert shortest.phases("talk") == ["decode"]
    shortest.take(sample(3, 40))
    assert shortest.phases("talk") == ["prefill", "decode"]
    shortest.take(sample(1, 2, scenario="other", failed=True))
    shortest.take(sample(scenario="other"))
    assert shortest.phases("other") == []


def test_each_request_is_of_one_phase_and_of_words_of_its_own() -> None:
    book = PromptBook.open(suite([TALK, LONG]))
    for row in (TALK, LONG):
        made = [request(book, row, 0, "prefill", number) for number in range(6)]
        assert row is TALK or len({each.prompt_ids for each in made}) == 6
        for number, each in enumerate(made):
            prompt = number % len(row.prompts)
            assert (len(each.prompt_ids), each.max_tokens) == (
                book.prompt_tokens(row.name, prompt),
                1,
            )
            head = book.rendered(row.name)[prompt]
            assert each.prompt_ids[: head.content_at] == head.ids[: head.content_at]
            decode = request(book, row, 0, "decode", number)
            assert len(decode.prompt_ids) == head.content_at + book.salt_tokens
            whole = book.prompt_tokens(row.name, prompt) + row.output_tokens
            assert len(decode.prompt_ids) + decode.max_tokens == whole
            assert decode.stop_ids == each.stop_ids == ()
    other = request(book, LONG, 1, "prefill", 0)
    assert other.prompt_ids != request(book, LONG, 0, "prefill", 0).prompt_ids
    assert request(book, LONG, 0, "decode", 0).max_tokens > LONG.output_tokens
