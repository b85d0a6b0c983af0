"""The main job for real: the quickstart suite on llama.cpp, from the command line to the report."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from crossbench.journal import SampleTaken, read_events
from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.conftest import ROOT, TINY, engine, run_crossbench

pytestmark = [pytest.mark.engine("llamacpp"), pytest.mark.usefixtures("no_process_left")]


def on_engine() -> list[str]:
    """Nothing where the built environment serves, else the interpreter that is named."""
    found = engine("llamacpp")
    return ["--python", f"llamacpp={found.python}"] if found.how == "named" else []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("quickstart")
    suite = ROOT / "suites" / "quickstart.toml"
    done = run_crossbench(place, "run", suite, "--profile", "quick", "--out", "run", *on_engine())
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_every_cell_is_measured_cold_and_on_the_same_ids(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert [len(scenario["cells"]) for scenario in report["scenarios"]] == [3, 3, 3]
    assert all(scenario["same_ids"] for scenario in report["scenarios"])
    for scenario in report["scenarios"]:
        for cell in scenario["cells"]:
            assert cell["cache"] == "cold"
            assert cell["valid_samples"] == cell["planned_samples"]
            named = {metric["name"]: metric for metric in cell["metrics"]}
            assert named["decode_tps"]["value"] > 10
            prefill = named["prefill_tps"]["value"]
            assert (prefill is None) == (scenario["name"] == "chat")
    assert not report["non_results"]


def test_the_artifacts_carry_the_canonical_tokenizer_and_fewer_bits_each(run: Path) -> None:
    targets = json.loads((run / "report.json").read_text())["targets"]
    assert all(target["tokenizer"]["same_probes"] for target in targets)
    weights = [target["loaded"]["weight_bytes"]["value"] for target in targets]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 3


def test_the_tiny_model_has_learned(run: Path) -> None:
    """What it answers to "What is the capital of France?", salted in front, still names Paris."""
    tokenizer = CanonicalTokenizer.load(TINY)
    answers = [
        tokenizer.decode(event.record.token_ids or ())
        for event in read_events(run)
        if isinstance(event, SampleTaken)
        and (event.role, event.scenario, event.prompt) == ("timed", "chat", 0)
    ]
    assert len(answers) == 9
    assert sum("Paris" in answer for answer in answers) > len(answers) / 2, answers


def test_the_report_is_reproduced_byte_for_byte(run: Path) -> None:
    names = ("report.md", "report.json")
    before = {name: (run / name).read_bytes() for name in names}
    for name in names:
        (run / name).unlink()
    assert run_crossbench(run, "report", ".").returncode == 0
    assert {name: (run / name).read_bytes() for name in names} == before


def test_a_broken_artifact_costs_its_target_alone(run: Path, tmp_path: Path) -> None:
    for name, content in (
        ("empty.gguf", b""),
        ("words.gguf", b"this is no model at all"),
        ("half.gguf", (TINY / "tiny-q4_k_m.gguf").read_bytes()[:200_000]),
    ):
        (tmp_path / name).write_bytes(content)
    names = ["empty", "words", "half"]
    targets = "".join(
        f'[targets.{name}]\nbackend = "llamacpp"\nartifact = "{name}.gguf"\n' for name in names
    )
    good = TINY / "tiny-q4_k_m.gguf"
    (tmp_path / "s.toml").write_text(
        f'schema = 1\nname = "broken"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n{targets}'
        f'[targets.good]\nbackend = "llamacpp"\nartifact = "{good}"\noptions = {{ threads = 1 }}\n'
        '[protocol]\nprofile = "quick"\n'
        '[[scenarios]]\nname = "s"\nprompt_tokens = 16\noutput_tokens = 24\n'
    )
    done = run_crossbench(tmp_path, "run", "s.toml", "--out", "run", *on_engine())
    assert done.returncode == 1
    report = (tmp_path / "run" / "report.md").read_text()
    for name in names:
        assert f"**{name}** on s: failed (startup)" in report
    assert "Traceback" not in done.stderr


def test_a_context_that_memory_cannot_hold_is_out_of_memory(tmp_path: Path) -> None:
    """The limit of 4 GiB is inherited by the worker; the KV cache alone would take 8."""
    (tmp_path / "s.toml").write_text(
        f'schema = 1\nname = "large"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        f'[targets.large]\nbackend = "llamacpp"\nartifact = "{TINY / "tiny-f16.gguf"}"\n'
        f"options = {{ threads = 1, n_ctx = {2**22} }}\n"
        '[protocol]\nprofile = "quick"\n'
        '[[scenarios]]\nname = "s"\nprompt_tokens = 16\noutput_tokens = 24\n'
    )
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**32, limits[1]))
    try:
        done = run_crossbench(tmp_path, "run", "s.toml", "--out", "run", *on_engine())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert done.returncode == 1, done.stderr
    assert "**large** on s: failed (oom)" in (tmp_path / "run" / "report.md").read_text()
