from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.artifacts.whereabouts import Fetchable, Whereabouts
from crossbench.cli.planned import text
from crossbench.errors import InputError, SuiteError
from crossbench.machine import facts
from crossbench.machine.model import GIB, Machine
from crossbench.plan import build as planning
from crossbench.plan.launches import interleaved
from crossbench.plan.model import UNKNOWN, Plan
from crossbench.plan.options import check_options
from crossbench.plan.selection import Selection
from crossbench.prompts.book import PromptBook
from crossbench.provision import equipment, supplies
from crossbench.registry import Registry
from crossbench.suite.load import load
from tests.conftest import TINY, SuiteWriter

MACHINE = Machine(
    platform="linux-x86_64",
    system="Linux",
    cpu="a processor",
    physical_cores=2,
    logical_cores=2,
    memory_bytes=16 * GIB,
    cuda_devices=("NVIDIA GeForce RTX 4090",),
    wsl=False,
    python="3.11",
)
pytestmark = pytest.mark.usefixtures("store")


def plan(path: Path, **selection: Any) -> Plan:
    suite = load(path)
    registry, chosen = Registry(), Selection(**selection)
    check_options(path, suite, registry)
    return planning.build(
        suite,
        registry=registry,
        machine=MACHINE,
        equipment=equipment.find(suite, registry, chosen),
        artifacts=supplies.find(suite, chosen).artifacts,
        book=PromptBook.open(suite),
        selection=chosen,
    )


def amend(path: Path, change: str) -> Path:
    """Replace what stands before the arrow with what stands behind it."""
    old, new = change.split(" => ")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_every_second_block_is_reversed() -> None:
    launches = interleaved(3, {"a": ["s"], "b": ["s"], "c": ["s"], "idle": []})
    assert [launch.target for launch in launches] == [*"abc", *"cba", *"abc"]
    assert [launch.block for launch in launches] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({launch.id for launch in launches}) == 9


def test_a_runnable_suite(suite: SuiteWriter) -> None:
    made = plan(suite({"a": "", "b": ""}, protocol="launches = 2\nrepeats = 3\nwarmups = 1"))
    assert [launch.id for launch in made.launches] == ["b1-a", "b1-b", "b2-b", "b2-a"]
    assert (made.samples, made.requests) == (12, 16 + 12 + 8)
    assert made.scenarios[0].prompt_tokens == (16,)
    assert made.targets[0].how == "host"
    assert not made.exclusions


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (f"{TINY / 'config.json'} => {TINY / 'nothing.gguf'}", "nothing.gguf does not exist"),
        (f"{TINY / 'config.json'} => hf:owner/repo", "and HF_HUB_OFFLINE is set"),
        (f"{TINY / 'config.json'} => ollama:none:1b", "ollama"),
        ("options = {  } => needs = { cuda = 2 }", "it needs 2 CUDA devices; this machine has 1"),
        (
            "options = {  } => needs = { memory_gib = 64 }",
            "it needs 64 GiB of memory; this machine has 16.0 GiB",
        ),
        (
            'options = {  } => needs = { platform = "macos-arm64" }',
            "it needs macos-arm64; this machine is linux-x86_64",
        ),
        ('backend = "null" => backend = "nul"', "unknown backend 'nul' (did you mean 'null'?)"),
    ],
)
def test_what_cannot_run_here_is_unavailable_with_its_reason(
    suite: SuiteWriter, change: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    made = plan(amend(suite(), change=change))
    assert not made.launches
    (exclusion,) = made.exclusions
    assert (exclusion.word, exclusion.scenario) == ("unavailable", None)
    assert reason in exclusion.reason


def test_what_the_user_leaves_out_is_skipped(suite: SuiteWriter) -> None:
    scenarios = (
        '[[scenarios]]\nname = "x"\nprompt_tokens = [16, 32]\noutput_tokens = 8\n'
        '[[scenarios]]\nname = "y"\nprompt_tokens = 16\noutput_tokens = 8\n'
    )
    path = suite({"a": "", "b": ""}, scenarios=scenarios)
    made = plan(path, targets=("a",), scenarios=("x-32",))
    assert {launch.target for launch in made.launches} == {"a"}
    assert {launch.scenarios for launch in made.launches} == {("x-32",)}
    told = {(item.target, item.scenario, item.word) for item in made.exclusions}
    assert told == {
        ("b", None, "skipped"),
        ("a", "x-16", "skipped"),
        ("a", "y", "skipped"),
    }
    assert len(plan(path, scenarios=("x",)).scenarios) == 2


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"targets": ("b",)}, "the suite has no target 'b'; it has one"),
        ({"targets": ("onee",)}, "did you mean 'one'?"),
        ({"scenarios": ("long",)}, "the suite has no scenario 'long'; it has short"),
        ({"variants": {"vllm": "cpu"}}, "no target of suite trial uses this backend"),
        ({"variants": {"null": "cuda"}}, "has no variant 'cuda'; allowed: host"),
    ],
)
def test_a_selection_of_nothing_is_wrong_input(
    suite: SuiteWriter, selection: dict[str, object], message: str
) -> None:
    path = suite()
    with pytest.raises(InputError) as error:
        plan(path, **selection)
    assert message in str(error.value)


def test_options_a_backend_does_not_take_are_named_with_their_lines(suite: SuiteWriter) -> None:
    path = suite({"a": "ttfs_s = 1", "b": "ttft_s = -1", "c": 'style = "sync"'})
    path.write_text(
        path.read_text().replace(
            'options = { style = "sync" }',
            '[targets.c.matrix]\nstyle = ["sync", "both"]\n',
        )
    )
    with pytest.raises(SuiteError) as error:
        plan(path)
    lines = path.read_text().splitlines()
    told = [(p.key, lines[(p.line or 0) - 1], p.allowed) for p in error.value.problems]
    assert [key for key, _, _ in told] == [
        "targets.a.options.ttfs_s",
        "targets.b.options.ttft_s",
        "targets.c.matrix.style[1]",
    ]
    assert 'did you mean "ttft_s"?' in told[0][2]
    assert "ttfs_s" in told[0][1]
    assert "-1" in told[1][1]
    assert "both" in told[2][1]


def test_an_unknown_variant_in_the_suite_is_named_with_its_line(suite: SuiteWriter) -> None:
    path = amend(suite(), change='backend = "null" => backend = "null"\nvariant = "cuda"')
    message = r'targets\.one\.variant: found "cuda"; expected one of host'
    with pytest.raises(SuiteError, match=message):
        plan(path)


def test_seeded_sampling_needs_a_backend_that_declares_it(suite: SuiteWriter) -> None:
    warm = (
        '[[scenarios]]\nname = "s"\nprompt_tokens = 16\noutput_tokens = 4\n'
        "sampling = { temperature = 1 }\n"
    )
    assert plan(suite(scenarios=warm)).launches
    registry = Registry()
    provided = registry.backends["null"]
    registry.backends["null"] = replace(
        provided, spec=replace(provided.spec, capabilities=frozenset())
    )
    path = suite(scenarios=warm)
    loaded = load(path)
    made = planning.build(
        loaded,
        registry=registry,
        machine=MACHINE,
        equipment=equipment.find(loaded, registry, Selection()),
        artifacts={},
        book=PromptBook.open(loaded),
        selection=Selection(),
    )
    assert not made.launches
    assert made.exclusions[0].word == "unsupported"


def test_this_machine_has_facts() -> None:
    here = facts.observe()
    assert here.memory_bytes > GIB / 4
    assert here.cpu
    assert here.platform.partition("-")[0] in ("linux", "macos")


def test_without_a_tokenizer_written_prompts_have_no_length_yet(suite: SuiteWriter) -> None:
    written = (
        '[[scenarios]]\nname = "s"\nprompts = [{ text = "a" }, { text = "b" }]\n'
        'output_tokens = 4\n[[scenarios]]\nname = "t"\nprompt_tokens = 16\noutput_tokens = 4\n'
    )
    loaded = load(suite(scenarios=written))
    made = planning.build(
        loaded,
        registry=Registry(),
        machine=MACHINE,
        equipment=equipment.find(loaded, Registry(), Selection()),
        artifacts={},
        book=None,
        selection=Selection(),
    )
    assert [planned.prompt_tokens for planned in made.scenarios] == [(UNKNOWN, UNKNOWN), (16,)]
    assert len(made.launches) == 1


def test_what_is_to_be_fetched_is_told_and_what_does_not_fit_is_unavailable(
    suite: SuiteWriter,
) -> None:
    loaded = load(suite({"one": ""}))
    (target,) = loaded.targets

    def with_place(place: Whereabouts) -> Plan:
        return planning.build(
            loaded,
            registry=Registry(),
            machine=MACHINE,
            equipment=equipment.find(loaded, Registry(), Selection()),
            artifacts={target.artifact: place},
            book=None,
            selection=Selection(),
        )

    fetch = Fetchable(bytes=4 * GIB, files=2, free=9 * GIB, commit=None, note=None)
    made = with_place(fetch)
    assert made.targets[0].fetch == fetch
    assert "one: 4 GiB; 9 GiB are free there" in text(made)
    (left_out,) = with_place(replace(fetch, free=GIB)).exclusions
    assert (left_out.word, "make room" in left_out.reason) == ("unavailable", True)
    unknown = replace(fetch, bytes=None, note="the hub is silent")
    assert "one: size unknown (the hub is silent)" in text(with_place(unknown))
