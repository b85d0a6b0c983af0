"""Good suites become what their author meant."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from crossbench.suite.load import load
from crossbench.suite.model import Load, Prompt, Quality, Suite
from crossbench.suite.tables.prompts import Message
from crossbench.suite.tables.protocol import Deadlines, Profile
from crossbench.suite.tables.scenario import SamplingTable, Slo
from crossbench.suite.tables.target import TargetNeeds

GOOD = Path(__file__).parent / "good"
MINIMAL = (GOOD / "minimal.toml").read_text()


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.toml")), ids=lambda path: path.name)
def test_a_good_suite_loads_and_survives_as_plain_data(path: Path) -> None:
    suite = load(path)
    assert suite.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert suite.path == str(path)
    assert msgspec.convert(msgspec.to_builtins(suite), Suite) == suite


def test_every_key_arrives() -> None:
    suite = load(GOOD / "every_key.toml")
    assert suite.title == "Every key of the format, none at its default"
    assert suite.model.tokenizer == str(GOOD.parent / "models/tiny")
    assert suite.model.template_args == {
        "enable_thinking": False,
        "effort": "low",
        "budget": 128,
        "share": 0.5,
    }
    (target,) = suite.targets
    assert (target.name, target.backend, target.variant) == ("llama.cpp-2", "llamacpp", "cpu")
    assert target.artifact == "hf:owner/repo/model.gguf"
    assert target.needs == TargetNeeds(cuda=2, platform="linux-x86_64", memory_gib=64)
    assert target.options == {"tensor_split": [1, 1], "n_ctx": 8192, "rope": {"base": 1e6}}
    assert target.requires == ("llama-cpp-python==0.3.36", "numpy>=2")
    assert target.python == str(GOOD / "files/python")
    assert target.build == {"llama-cpp-python": {"cmake.define.GGML_NATIVE": "ON"}}
    scenario, along = suite.scenarios
    assert (scenario.forced, along.forced) == (False, True)
    assert along.load == Load(
        of="along",
        rate=2.5,
        arrivals="constant",
        requests=16,
        room=8,
        slo=Slo(ttft_s=2, tpot_s=0.1, e2e_s=20),
        find=True,
    )
    assert suite.quality == Quality(
        text=str(GOOD / "files/poem.txt"),
        sha256=hashlib.sha256((GOOD / "files/poem.txt").read_bytes()).hexdigest(),
        window=128,
        windows=4,
        reference="llama.cpp-2",
    )
    assert scenario.natural
    assert scenario.sampling == SamplingTable(temperature=0.7, top_k=40, top_p=0.9, seed=3)
    protocol = suite.protocol
    assert (protocol.launches, protocol.repeats, protocol.warmups, protocol.seed) == (2, 5, 0, 7)
    assert protocol.deadlines == Deadlines(
        build_s=1, load_s=2.5, first_token_s=3, chunk_gap_s=4, close_s=5, cool_s=6
    )
    assert (protocol.burn_in, protocol.sentinel, protocol.energy) == (1, True, True)
    assert (protocol.cool_down_s, protocol.start_below_c) == (2.5, 60)


def test_a_prompt_takes_any_of_its_forms_and_text_files_keep_their_line_ends() -> None:
    scenario, _ = load(GOOD / "every_key.toml").scenarios
    assert scenario.prompts == (
        Prompt(
            messages=(
                Message(role="system", content="Be brief."),
                Message(role="user", content="Hello?"),
            )
        ),
        Prompt(text="Once upon a time"),
        Prompt(ids=(1, 2, 3)),
        Prompt(text="Die Kühe\r\nmuhen.\n"),
    )


def test_a_prompt_file_is_shared_and_names_files_relative_to_itself() -> None:
    prompts = (Prompt(text="Hello"), Prompt(text="Die Kühe\r\nmuhen.\n"))
    suite = load(GOOD / "prompt_file.toml")
    assert [scenario.name for scenario in suite.scenarios] == ["one", "two-8", "two-16"]
    assert [scenario.prompts for scenario in suite.scenarios] == [prompts] * 3


def test_a_synthetic_prompt_is_its_length() -> None:
    (scenario,) = load(GOOD / "minimal.toml").scenarios
    assert scenario.prompts == (Prompt(synthetic_tokens=64),)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("model.gguf", "{here}/model.gguf"),
        ("../model.gguf", "{above}/model.gguf"),
        ("/models/model.gguf", "/models/model.gguf"),
        ("~/model.gguf", "/home/someone/model.gguf"),
        ("hf:owner/repo", "hf:owner/repo"),
        ("ollama:llama3:8b", "ollama:llama3:8b"),
        ("lmstudio:publisher/model", "lmstudio:publisher/model"),
    ],
)
def test_paths_are_relative_to_the_suite(
    written: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    folder = tmp_path / "suites"
    folder.mkdir()
    text = MINIMAL.replace('"tiny/model.gguf"', f'"{written}"').replace('"tiny"', f'"{written}"')
    write(folder, text)
    monkeypatch.chdir(tmp_path)
    suite = load(Path("suites/suite.toml"))
    path = meant.format(here=folder, above=tmp_path)
    assert suite.targets[0].artifact == path
    assert suite.model.tokenizer == path
    assert suite.path == str(folder / "suite.toml")


def test_prompts_may_lie_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "prompt.txt").write_text("Hello")
    monkeypatch.setenv("HOME", str(home))
    prompts = 'prompts = [{ file = "~/prompt.txt" }]'
    path = write(tmp_path, MINIMAL.replace("prompt_tokens = 64", prompts))
    assert load(path).scenarios[0].prompts == (Prompt(text="Hello"),)


def test_a_linked_model_keeps_the_name_of_its_link(tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("weights")
    (tmp_path / "model.gguf").symlink_to(tmp_path / "blob")
    path = write(tmp_path, MINIMAL.replace("tiny/model.gguf", "model.gguf"))
    assert load(path).targets[0].artifact == str(tmp_path / "model.gguf")


def test_only_the_tokenizer_may_come_out_of_the_artifact(tmp_path: Path) -> None:
    text = MINIMAL.replace('"tiny/model.gguf"', '"artifact"').replace('"tiny"', '"artifact"')
    suite = load(write(tmp_path, text))
    assert suite.model.tokenizer == "artifact"
    assert suite.targets[0].artifact == str(tmp_path / "artifact")


PROTOCOLS = [
    ("", None, ("default", 4, 3, 3, 1, True)),
    ('profile = "quick"', None, ("quick", 1, 3, 1, 0, False)),
    ('profile = "publish"', None, ("publish", 6, 5, 3, 1, True)),
    ("launches = 2\nwarmups = 0", None, ("default", 2, 3, 0, 1, True)),
    ("burn_in = 0\nsentinel = false", None, ("default", 4, 3, 3, 0, False)),
    ('profile = "publish"\nrepeats = 9', None, ("publish", 6, 9, 3, 1, True)),
    ("launches = 2\nrepeats = 9\nwarmups = 0", "quick", ("quick", 1, 3, 1, 0, False)),
    ('profile = "publish"\nburn_in = 0', "default", ("default", 4, 3, 3, 1, True)),
]


@pytest.mark.parametrize(("written", "given", "meant"), PROTOCOLS)
def test_the_command_line_beats_the_suite_and_the_suite_its_profile(
    written: str, given: Profile | None, meant: tuple[object, ...], tmp_path: Path
) -> None:
    path = write(tmp_path, f"{MINIMAL}\n[protocol]\nseed = 5\ncool_down_s = 9\n{written}\n")
    got = load(path, profile=given).protocol
    preset = (got.profile, got.launches, got.repeats, got.warmups, got.burn_in, got.sentinel)
    assert preset == meant
    assert (got.seed, got.cool_down_s, got.start_below_c) == (5, 9, None)


def test_a_list_multiplies_targets_and_the_last_key_varies_fastest() -> None:
    suite = load(GOOD / "matrix.toml")
    assert [target.name for target in suite.targets] == [
        "lc-Llama-3.3-Q4_K_M-on-1x1",
        "lc-Llama-3.3-Q4_K_M-on-3x1",
        "lc-Llama-3.3-Q4_K_M-off-1x1",
        "lc-Llama-3.3-Q4_K_M-off-3x1",
        "lc-Llama-3.3-70B-on-1x1",
        "lc-Llama-3.3-70B-on-3x1",
        "lc-Llama-3.3-70B-off-1x1",
        "lc-Llama-3.3-70B-off-3x1",
        "vllm-true--1",
        "vllm-true-1",
        "vllm-false--1",
        "vllm-false-1",
    ]
    fourth = suite.targets[3]
    assert fourth.base == "lc"
    assert fourth.artifact == str(GOOD / "Llama-3.3-Q4_K_M.gguf")
    assert fourth.options == {
        "n_ctx": 512,
        "flash_attn": "off",
        "mmap": True,
        "tensor_split": [3, 1],
    }


def test_a_list_multiplies_scenarios_and_one_value_names_nothing() -> None:
    suite = load(GOOD / "matrix.toml")
    assert [
        (s.name, s.base, s.prompts[0].synthetic_tokens, s.output_tokens) for s in suite.scenarios
    ] == [
        ("long-512-16", "long", 512, 16),
        ("long-512-32", "long", 512, 32),
        ("long-2048-16", "long", 2048, 16),
        ("long-2048-32", "long", 2048, 32),
        ("short", "short", 8, 16),
    ]
