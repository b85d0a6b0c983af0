"""Against `vllm serve` on the CPU: ids in, ids out, and the proof of a cold prompt."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from crossbench.api import Request
from crossbench.envs.environment import Environment
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.testing import BackendConformance
from crossbench.worker.protocol import Ready, Tokenize, Tokenized
from tests.conftest import ROOT, TINY
from tests.openai import inprocess, servers
from tests.openai.conftest import PROMPT, Start, Target
from tests.openai.scripted import until
from tests.vllm.conftest import Worker

pytestmark = [
    pytest.mark.engine("openai"),
    pytest.mark.engine("vllm"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.vllm(tmp_path_factory.mktemp("vllm")) as address:
        TestOpenAI.options = {"base_url": address}
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


def test_what_it_tells_of_itself(
    loaded: tuple[Target, Ready], tokenizer: CanonicalTokenizer
) -> None:
    target, ready = loaded
    told = ready.loaded
    assert (told.engine_build.value or "").startswith("vllm 0.")
    assert told.context_tokens.value == 512
    assert told.settings["prompt sent as"].value == "token ids"
    assert told.settings["length forced by"].value == "ignore_eos"
    assert told.ignored == ()
    texts = ("<|user|>na\u00efve \u4f60\u597d\n\n",)
    ids = target.worker.ask(Tokenize(texts=texts), Tokenized).ids
    assert ids == (tokenizer.encode_verbatim(texts[0]),)


def test_every_token_is_an_id_and_the_prompt_was_cold(
    target: Target, tokenizer: CanonicalTokenizer
) -> None:
    record = target.record(tokens=64)
    assert record.failure is None
    assert len(record.token_ids or ()) == 64
    assert record.finish is not None
    assert record.finish.reason == "length"
    assert record.finish.cached_prompt_tokens == 0
    assert record.finish.native == {"prompt_tokens": len(PROMPT)}
    assert tokenizer.text_of(record.token_ids or ()).decode() == record.text


def test_ids_and_their_text_give_the_same_answer(
    start: Start, url: str, target: Target, tokenizer: CanonicalTokenizer
) -> None:
    ids = tokenizer.encode("The river is cold in the morning. The teacher")
    textual = start()
    settings = textual.load(url, ids_in=False).loaded.settings
    assert settings["prompt sent as"].value == "text"
    assert settings["BOS put by the server"].value is True
    assert textual.record(tokens=24, prompt=ids).token_ids == (
        target.record(tokens=24, prompt=ids).token_ids
    )


def test_tokens_and_speed_are_those_of_the_engine_in_process(
    target: Target, tokenizer: CanonicalTokenizer, one_rank: Worker
) -> None:
    requests = [
        Request(
            id=str(n), prompt_ids=tokenizer.encode("The river is cold" + " is" * n), max_tokens=64
        )
        for n in range(4)
    ]
    behind = [target.records(request)[0] for request in requests]
    within = [inprocess.record(one_rank.process, request) for request in requests]
    assert [record.token_ids for record in behind] == [record.token_ids for record in within]
    assert 0.5 < inprocess.pace(behind) / inprocess.pace(within) < 8


def test_an_end_of_its_own_is_told_as_one(target: Target, tokenizer: CanonicalTokenizer) -> None:
    ids = tokenizer.encode("<|bos|><|user|>What is the capital of France?<|end|>\n<|assistant|>")
    natural = target.record(tokens=60, prompt=ids, stop_ids=tuple(tokenizer.eos_ids))
    assert natural.finish is not None
    assert natural.finish.reason == "stop"
    assert (natural.token_ids or ())[-1] in tokenizer.eos_ids
    assert len(natural.token_ids or ()) < 60


def test_a_chat_is_answered_under_its_own_template(start: Start, url: str) -> None:
    target = start()
    ready = target.load(url, api="chat")
    record = target.record(tokens=8)
    assert "prompt ids" in ready.loaded.ignored[0]
    assert len(record.token_ids or ()) == 8
    assert record.finish is not None
    assert record.finish.native["prompt_tokens"] > len(PROMPT)


def test_several_requests_run_at_once(target: Target) -> None:
    prompts = [(*PROMPT, 300 + place) for place in range(4)]
    alone = [target.record(tokens=64, prompt=prompt).token_ids for prompt in prompts]
    requests = [
        Request(id=str(place), prompt_ids=prompt, max_tokens=64)
        for place, prompt in enumerate(prompts)
    ]
    records = target.records(*requests, streams=4)
    assert [record.token_ids for record in records] == alone
    last_begin = max(record.t0_ns for record in records)
    assert all(record.t0_ns + record.stamps_ns[-1] > last_begin for record in records)


def test_what_it_refuses_fails_its_request_only(target: Target) -> None:
    told = "5 prompt and 508 output tokens are 513; the server holds 512"
    assert target.failure(tokens=508) == told
    assert len(target.record(tokens=507).token_ids or ()) == 507
    assert "out of vocabulary" in target.failure(prompt=(0, 99_999))
    assert target.record().failure is None


def test_closing_a_stream_ends_its_work(openai: Environment, url: str) -> None:
    """On a busy machine all 400 tokens may be there before the stream is closed: three tries."""
    assert any(closed_early(openai, url) < 300 for _ in range(3))


def closed_early(openai: Environment, url: str) -> float:
    """Tokens that the server computed of 400 after the stream was closed at its first chunk."""
    before = metric(url, "generation_tokens_total")
    path = os.pathsep.join(map(str, (ROOT, ROOT / "plugins" / "crossbench-openai")))
    done = subprocess.run(
        [openai.python, "-m", "tests.openai.probes", url, TINY],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"]
    assert until(lambda: metric(url, "num_requests_running") == 0)
    return metric(url, "generation_tokens_total") - before


def metric(url: str, name: str) -> float:
    """The sum of a Prometheus metric of vLLM's."""
    lines = servers.page(url.removesuffix("/v1") + "/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{"))


@pytest.mark.usefixtures("url")
class TestOpenAI(BackendConformance):
    """The plugin keeps the contract, on a server that takes ids and sends ids."""

    backend = "openai"
    artifact = TINY
    context_tokens = 500
    bad_options = [  # noqa: RUF012 - as an adopter writes it
        {"base_url": "127.0.0.1:8000"},
        {"base_url": "http://127.0.0.1:1/v1", "api": "responses"},
        {"base_url": "http://127.0.0.1:1/v1", "extra_body": {"stream": False}},
    ]
