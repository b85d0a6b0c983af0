"""Each planted defect is caught by the check that is meant for it, and by no other."""

from __future__ import annotations

from unittest import mock

import pytest

from crossbench.api import BackendSpec, Capability
from crossbench.testing import BackendConformance
from tests.testing.fakes.adopter import ADOPTER
from tests.testing.fakes.plugin import declaration

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

ENGINES = {
    "streams:OneTooMany": "test_token_counts_are_exact",
    "streams:EndsAtEndOfText": "test_token_counts_are_exact",
    "streams:RefusesTheLastToken": "test_token_counts_are_exact",
    "streams:TwoFinishes": "test_a_single_finish_ends_a_stream",
    "streams:NoFinish": "test_a_single_finish_ends_a_stream",
    "streams:WrongReason": "test_a_single_finish_ends_a_stream",
    "streams:Buffers": "test_tokens_are_streamed_as_they_come",
    "streams:Bursts": "test_tokens_are_streamed_as_they_come",
    "streams:IgnoresStopIds": "test_stop_ids_end_the_output",
    "streams:ForcedIdsEndToo": "test_forced_ids_are_the_output",
    "streams:OtherText": "test_text_is_what_the_ids_spell",
    "streams:AddsBos": "test_tokenize_gives_the_text_and_nothing_more",
    "streams:DiesOfARefusal": "test_refused_requests_cost_nothing_else",
    "streams:TakesAnyId": "test_refused_requests_cost_nothing_else",
    "streams:CutsShort": "test_refused_requests_cost_nothing_else",
    "answers:IgnoresTheSeed": "test_equal_seeds_give_equal_outputs",
    "answers:AlwaysGreedy": "test_different_seeds_give_different_outputs",
    "answers:KeepsTheCache": "test_reset_leaves_nothing_cached",
    "answers:ProvesNothing": "test_reset_leaves_nothing_cached",
    "answers:HidesTheCache": "test_a_repeated_prompt_takes_as_long_as_a_new_one",
    "answers:ScoresUnnormalised": "test_scores_are_log_probabilities",
    "answers:ScoresOther": "test_scores_are_those_of_their_ids",
    "answers:ScoresShifted": "test_greedy_tokens_score_best",
    "answers:ScoresFromStaleCache": "test_scores_do_not_depend_on_what_comes_later",
    "sessions:OneAtATime": "test_several_requests_run_at_once",
    "sessions:Synchronous": "test_several_requests_run_at_once",
    "sessions:MixesStreams": "test_streams_are_not_mixed_up",
    "sessions:AbortHurtsOthers": "test_one_failure_leaves_the_other_streams_alone",
    "sessions:AbortLeaks": "test_an_abort_frees_its_cache",
    "sessions:NumbersItsDevices": "test_description_tells_what_was_resolved",
    "sessions:StrangeMemory": "test_description_tells_what_was_resolved",
    "sessions:UntypedLoadError": "test_a_missing_artifact_is_an_engine_error",
    "sessions:LoadsOnce": "test_a_model_is_loaded_and_closed_again_and_again",
    "sessions:Leaks": "test_memory_is_returned",
    "sessions:LeavesAChild": "test_no_process_is_left",
    "sessions:ExitsBadly": "test_no_process_is_left",
    "sessions:OtherNames": "test_signatures_are_the_contracts",
}
"""A defective engine -> the check meant for it."""

OPTIONS = {
    "LooseOptions": "test_options_are_a_struct_that_knows_its_keys",
    "UnboundOptions": "test_options_are_validated",
    "UntypedOptions": "test_options_are_validated",
}


def failures(
    pytester: pytest.Pytester, spec: BackendSpec, plugin: str = "tests.testing.fakes.plugin"
) -> dict[str, str]:
    """The checks that fail, each with what it says; all others pass or are skipped."""
    pytester.makepyfile("from tests.testing.fakes.adopter import TestAdopter")
    plain = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest"]
    # Put back: the same class stands in other files, and a worker of xdist may run them afterwards.
    with mock.patch.multiple(ADOPTER, backend=spec, plugin=plugin):
        recorded = pytester.inline_run("-q", *plain)
    _, _, failed = recorded.listoutcomes()
    ran = recorded.getreports("pytest_runtest_logreport")
    assert len([report for report in ran if report.when == "call"]) > 20
    return {report.nodeid.rpartition("::")[2]: str(report.longrepr) for report in failed}


@pytest.mark.parametrize("defect", ENGINES)
def test_a_defective_engine_is_caught(pytester: pytest.Pytester, defect: str) -> None:
    found = failures(pytester, declaration(f"tests.testing.fakes.{defect}"))
    assert list(found) == [ENGINES[defect]], found


@pytest.mark.parametrize("options", OPTIONS)
def test_options_that_take_too_much_are_caught(pytester: pytest.Pytester, options: str) -> None:
    spec = declaration(options=f"tests.testing.fakes.options:{options}")
    found = failures(pytester, spec)
    assert list(found) == [OPTIONS[options]], found


def test_a_declaration_that_imports_its_engine_is_caught(pytester: pytest.Pytester) -> None:
    found = failures(pytester, declaration(), plugin="tests.testing.fakes.eager")
    assert list(found) == ["test_declaration_imports_no_engine"]
    assert "imports numpy" in found["test_declaration_imports_no_engine"]


@pytest.mark.parametrize("defect", ["CountsNothing", "CountsTwice"])
def test_text_that_is_miscounted_is_caught(pytester: pytest.Pytester, defect: str) -> None:
    spec = declaration(f"tests.testing.fakes.streams:{defect}", without=Capability)
    found = failures(pytester, spec)
    assert list(found) == ["test_text_comes_with_its_number_of_tokens"], found


def test_scores_that_are_not_declared_are_caught(pytester: pytest.Pytester) -> None:
    found = failures(pytester, declaration(without=[Capability.SCORE]))
    assert list(found) == ["test_undeclared_scores_are_refused"]


def test_every_check_catches_something() -> None:
    checks = {name for name in dir(BackendConformance) if name.startswith("test_")}
    others = {
        "test_declaration_imports_no_engine",
        "test_text_comes_with_its_number_of_tokens",
        "test_undeclared_scores_are_refused",
    }
    assert {*ENGINES.values(), *OPTIONS.values(), *others} == checks


def test_a_failure_tells_what_was_found_the_rule_and_what_to_do(
    pytester: pytest.Pytester,
) -> None:
    found = failures(pytester, declaration("tests.testing.fakes.streams:OneTooMany"))
    (said,) = found.values()
    assert "found: 1 prompt tokens and max_tokens = 1 gave 2 tokens" in said
    assert "rule:  Without stop ids a request gives exactly `max_tokens` tokens" in said
    assert "do:    go on past end-of-text, stop at max_tokens" in said
