"""Against `python -m llama_cpp.server`: text in, text out, no usage in a stream, one at a time."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from crossbench.api import Request
from crossbench.envs.environment import Environment
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.worker.protocol import Ready, Tokenize, Tokenized
from tests.conftest import TINY, run_crossbench
from tests.openai import inprocess, servers
from tests.openai.conftest import Start, Target

pytestmark = [
    pytest.mark.engine("openai"),
    pytest.mark.engine("llamacpp"),
]
TEXT = "The river is cold in the morning. The teacher"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.llama_cpp(tmp_path_factory.mktemp("llama_cpp")) as address:
        yield address


@pytest.fixture(scope="module")
def loaded(start: Start, url: str) -> tuple[Target, Ready]:
    target = start()
    return target, target.load(url)


@pytest.fixture
def target(loaded: tuple[Target, Ready]) -> Target:
    return loaded[0]


@pytest.fixture(scope="module")
def tokenizer() -> CanonicalTokenizer:
    return CanonicalTokenizer.load(TINY)


def test_what_it_tells_of_itself(loaded: tuple[Target, Ready]) -> None:
    told = loaded[1].loaded
    assert "llama.cpp Python API 0.3" in (told.engine_build.value or "")
    settings = {name: fact.value for name, fact in told.settings.items()}
    assert settings["prompt sent as"] == "text"
    assert settings["BOS put by the server"] is True
    assert settings["length forced by"] == "min_tokens"
    assert told.ignored == ("stop ids",)


def test_its_own_tokenizer_is_asked(target: Target, tokenizer: CanonicalTokenizer) -> None:
    texts = (TEXT, "<|user|>na\u00efve \u4f60\u597d\n\n", "  two")
    told = target.worker.ask(Tokenize(texts=texts), Tokenized)
    assert told.ids == tuple(tokenizer.encode_verbatim(text) for text in texts)


def test_the_text_that_streams_is_the_text_it_gives_whole(
    target: Target, url: str, tokenizer: CanonicalTokenizer
) -> None:
    body = {"prompt": TEXT, "max_tokens": 48, "min_tokens": 48, "temperature": 0, "min_p": 0}
    whole = servers.ask(f"{url}/completions", body | {"repeat_penalty": 1.0})
    record = target.record(tokens=48, prompt=tokenizer.encode(TEXT))
    assert record.failure is None
    assert record.text == whole["choices"][0]["text"]
    assert record.finish is not None
    assert (record.finish.reason, record.finish.counted_by) == ("length", "text")
    assert record.finish.output_tokens == whole["usage"]["completion_tokens"] == 48
    # On a busy machine one read brings many events.
    assert len([size for size in record.text_bytes if size]) > 2
    assert list(record.stamps_ns) == sorted(record.stamps_ns)


def test_tokens_and_speed_are_those_of_the_engine_in_process(
    target: Target, tokenizer: CanonicalTokenizer, tmp_path: Path
) -> None:
    requests = [
        Request(id=str(n), prompt_ids=tokenizer.encode(TEXT + " is" * n), max_tokens=64)
        for n in range(5)
    ]
    behind = [target.records(request)[0] for request in requests]
    options = {"threads": 1, "n_ctx": 512}
    with inprocess.session("llamacpp", TINY / "tiny-f16.gguf", options, tmp_path) as inside:
        within = [inprocess.record(inside, request) for request in requests]
    for one, other in zip(behind, within, strict=True):
        # The server cannot go on after an end of text, it can only bar it.
        shared = before_an_end(other.token_ids or (), tokenizer.eos_ids)
        assert len(shared) > 16
        assert (one.text or "").startswith(tokenizer.text_of(shared).decode())
    assert 0.5 < inprocess.pace(behind) / inprocess.pace(within) < 8


def before_an_end(ids: Sequence[int], ends: Container[int]) -> tuple[int, ...]:
    return tuple(takewhile(lambda token: token not in ends, ids))


def test_an_end_of_its_own_is_told_as_one(target: Target, tokenizer: CanonicalTokenizer) -> None:
    ids = tokenizer.encode("<|bos|><|user|>What is the capital of France?<|end|>\n<|assistant|>")
    natural = target.record(tokens=60, prompt=ids, stop_ids=tuple(tokenizer.eos_ids)).finish
    forced = target.record(tokens=60, prompt=ids).finish
    assert natural is not None
    assert forced is not None
    assert natural.reason == "stop"
    assert (natural.output_tokens or 99) < 60
    assert forced.reason == "length"


def test_a_chat_is_answered_under_its_own_template(start: Start, url: str) -> None:
    target = start()
    ready = target.load(url, api="chat")
    record = target.record(tokens=8)
    assert "prompt ids" in ready.loaded.ignored[0]
    assert record.failure is None
    assert record.finish is not None
    assert record.finish.output_tokens in range(7, 10)


def test_what_it_breaks_off_fails_its_request_only(
    target: Target, tokenizer: CanonicalTokenizer
) -> None:
    long = tokenizer.encode(" the river" * 300)
    assert "the server ended its stream without a finish_reason" in target.failure(prompt=long)
    assert target.record(prompt=tokenizer.encode(TEXT)).failure is None


def test_requests_at_once_are_answered_in_turn(
    target: Target, tokenizer: CanonicalTokenizer
) -> None:
    ids = tokenizer.encode(TEXT)
    requests = [Request(id=str(n), prompt_ids=ids, max_tokens=12) for n in range(3)]
    records = target.records(*requests, streams=3)
    assert [record.failure for record in records] == [None] * 3
    assert len({record.text for record in records}) == 1


def test_a_whole_run_reports_what_is_known_and_what_is_not(
    url: str, openai: Environment, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'schema = 1\nname = "http"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
        f'[targets.server]\nbackend = "openai"\nartifact = "{TINY}"\n'
        f'options = {{ base_url = "{url}" }}\n[protocol]\nprofile = "quick"\n'
        '[[scenarios]]\nname = "synthetic"\nprompt_tokens = 300\noutput_tokens = 40\n'
    )
    named = ["--python", f"openai={openai.python}"] if openai.how == "named" else []
    done = run_crossbench(tmp_path, "run", suite, "--out", "run", *named)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert not report["non_results"]
    assert report["targets"][0]["loaded"]["boundary"] == "http"
    (cell,) = report["scenarios"][0]["cells"]
    assert (cell["cache"], cell["counted_by"]) == ("unproven", ["text"])
    assert cell["valid_samples"] == cell["planned_samples"] == 3
    metrics = {metric["name"]: metric["value"] for metric in cell["metrics"]}
    assert metrics["prefill_tps"] is None
    assert metrics["decode_tps"] > 10
    assert 0 < metrics["ttft_s"] < metrics["e2e_s"]
