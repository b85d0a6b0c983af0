"""The main job for real: the quickstart suite on three engines, from command line to report."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from crossbench.api import Needs
from crossbench.journal.events import LaunchEnded, LaunchReady, SampleTaken
from crossbench.journal.reader import read_events
from crossbench.prompts.tokenizer import CanonicalTokenizer
from tests.conftest import ROOT, TINY, engine, run_crossbench
from tests.vllm.estimates import check_estimate

pytestmark = [
    *(pytest.mark.engine(name) for name in ("llamacpp", "vllm", "mlx")),
    pytest.mark.usefixtures("no_process_left"),
    pytest.mark.timeout(600),
]
TARGETS = 6


def on_engine(*backends: str) -> list[str]:
    """Nothing where the built environments serve, else the interpreters that are named."""
    found = {name: engine(name) for name in backends or ("llamacpp",)}
    named = {name: each.python for name, each in found.items() if each.how == "named"}
    return [word for name, path in named.items() for word in ("--python", f"{name}={path}")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("quickstart")
    suite = ROOT / "suites" / "quickstart.toml"
    given = on_engine("llamacpp", "vllm", "mlx")
    done = run_crossbench(
        place, "run", suite, "--profile", "quick", "--out", "run", *given, timeout_s=550
    )
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_every_cell_is_measured_cold_and_on_the_same_ids(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert [len(scenario["cells"]) for scenario in report["scenarios"]] == [TARGETS] * 3
    assert all(scenario["same_ids"] for scenario in report["scenarios"])
    for scenario in report["scenarios"]:
        for cell in scenario["cells"]:
            assert cell["cache"] == "cold"
            assert cell["valid_samples"] == cell["planned_samples"]
            named = {metric["name"]: metric for metric in cell["metrics"]}
            assert named["decode_tps"]["value"] > 5
            prefill = named["prefill_tps"]["value"]
            assert (prefill is None) == (scenario["name"] == "chat")
    assert not report["non_results"]


def test_every_engine_has_the_suites_vocabulary(run: Path) -> None:
    targets = json.loads((run / "report.json").read_text())["targets"]
    for target in targets:
        identity = target["tokenizer"]
        assert (identity["same_vocabulary"], identity["same_probes"]) == (True, True), target
        assert identity["complaints"] == [], target["name"]
    assert len({target["tokenizer"]["vocabulary_sha256"] for target in targets}) == 1
    page = (run / "report.md").read_text()
    assert "Same prompt ids for every target in 3 scenarios." in page
    assert "Every id stands for the same bytes as in the suite's tokenizer" in page


def test_fewer_bits_cost_quality_and_engines_with_the_same_weights_agree(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    bits = {
        target["name"]: 8
        * target["loaded"]["weight_bytes"]["value"]
        / target["loaded"]["parameters"]["value"]
        for target in report["targets"]
    }
    assert bits["llamacpp-tiny-q4_k_m"] < bits["llamacpp-tiny-q8_0"] < bits["llamacpp-tiny-f16"]
    assert bits["mlx-4bit"] < bits["mlx"] == pytest.approx(16, rel=0.01)
    scored = {target["target"]: target for target in report["scoring"]["targets"]}
    assert all(target["word"] is None for target in scored.values()), scored
    for name in ("mlx", "vllm"):
        floor = scored[name]["difference"]
        assert abs(floor["bits_per_byte"]) < 1e-3
        assert floor["top1_agreement"] > 0.99
    assert scored["mlx-4bit"]["difference"]["low"] > 0, "4 bits predict worse, beyond noise"
    assert scored["llamacpp-tiny-q4_k_m"]["difference"]["bits_per_byte"] > 0
    assert scored["llamacpp-tiny-q4_k_m"]["difference"]["top1_agreement"] < 0.99


def test_what_vllm_holds_by_itself_was_expected(run: Path) -> None:
    """Its own types and its own size of the KV cache; others are in tests/vllm."""
    events = [event for event in read_events(run) if getattr(event, "launch", "") == "b1-vllm"]
    (ready,) = [event for event in events if isinstance(event, LaunchReady)]
    (ended,) = [event for event in events if isinstance(event, LaunchEnded)]
    needs = Needs(context_tokens=ready.loaded.context_tokens.value or 0)
    check_estimate({"enforce_eager": True}, needs, ready.loaded, ended.memory)


def test_the_tiny_model_has_learned(run: Path) -> None:
    """What it answers to "What is the capital of France?", salted in front, still names Paris."""
    tokenizer = CanonicalTokenizer.load(TINY)
    answers = [
        tokenizer.decode(event.record.token_ids or ())
        for event in read_events(run)
        if isinstance(event, SampleTaken)
        and (event.role, event.scenario, event.prompt) == ("timed", "chat", 0)
    ]
    assert len(answers) == 3 * TARGETS
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


def test_an_artifact_with_another_vocabulary_costs_its_target_alone(tmp_path: Path) -> None:
    """One letter of one token of the GGUF is another: its ids no longer mean the suite's text."""
    whole = (TINY / "tiny-q4_k_m.gguf").read_bytes()
    assert whole.count("Ġmarket".encode()) == 1
    other = whole.replace("Ġmarket".encode(), "Ġmarked".encode())
    (tmp_path / "other.gguf").write_bytes(other)
    (tmp_path / "s.toml").write_text(
        f'schema = 1\nname = "two"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        '[targets.other]\nbackend = "llamacpp"\nartifact = "other.gguf"\n'
        "options = { threads = 1 }\n"
        f'[targets.good]\nbackend = "llamacpp"\nartifact = "{TINY / "tiny-q4_k_m.gguf"}"\n'
        'options = { threads = 1 }\n[protocol]\nprofile = "quick"\n'
        '[[scenarios]]\nname = "s"\nprompt_tokens = 16\noutput_tokens = 24\n'
    )
    done = run_crossbench(tmp_path, "run", "s.toml", "--out", "run", *on_engine())
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    (failed,) = report["non_results"]
    assert (failed["target"], failed["word"]) == ("other", "failed")
    assert "the artifact's tokenizer is not the suite's" in failed["reason"]
    assert "b' marked' there and b' market' in" in failed["reason"]
    (cell,) = report["scenarios"][0]["cells"]
    assert (cell["target"], cell["valid_samples"]) == ("good", 3)
