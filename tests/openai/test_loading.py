"""What a target finds out of its server at load, and what it says where there is nothing."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossbench.api import Boundary, Loaded
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Tokenize, Tokenized
from tests.conftest import TINY
from tests.openai.conftest import PROMPT, Start, failure
from tests.openai.scripted import (
    Server,
    completion,
    event,
    finish,
    schema,
    usage,
    words,
)

pytestmark = [pytest.mark.engine("openai")]
TRIAL = "The quick brown fox jumps over the lazy dog."
MODEL = {"id": "m", "owned_by": "vllm", "max_model_len": 99}
VLLM = (
    *("ignore_eos", "max_tokens", "min_p", "min_tokens", "model", "prompt", "repetition_penalty"),
    *("return_token_ids", "seed", "stop_token_ids", "stream", "stream_options", "top_k"),
)


def tiny_ids(text: str) -> tuple[int, ...]:
    return CanonicalTokenizer.load(TINY).encode_verbatim(text)


def takes_text(*, puts_bos: bool) -> Callable[[Any], Any]:
    """A server that stringifies a list of ids, and counts the tokens of text."""

    def answer(body: Any) -> Any:
        return completion(len(tiny_ids(str(body["prompt"]))) + puts_bos)

    return answer


def test_a_bare_server_tells_little_and_nothing_is_made_up(start: Start, fresh: Server) -> None:
    target = start()
    loaded = target.load(fresh.url).loaded
    assert loaded.boundary is Boundary.HTTP
    assert loaded.devices == ()
    names = [
        name for name in Loaded.__struct_fields__ if name not in {"boundary", "devices", "prompt"}
    ]
    for name in set(names) - {"settings", "ignored"}:
        assert getattr(loaded, name).value is None, name
    assert loaded.settings["prompt sent as"].value == "token ids"
    assert loaded.ignored == ("top_k", "exact output length", "stop ids")
    assert target.worker.ask(Tokenize(texts=("a",)), Tokenized).ids is None
    target.record(tokens=1)
    assert fresh.bodies[-1] == {
        "model": "tiny",
        "prompt": list(PROMPT),
        "max_tokens": 1,
        "temperature": 0.0,
        "top_p": 1.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_nothing_stands_between_target_and_server(
    start: Start, fresh: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    target = start()
    target.load(fresh.url)
    assert target.record(tokens=1).failure is None
    assert all("accept-encoding: identity" in head.lower() for head in fresh.headers)


def test_what_a_server_tells_is_told(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/models"] = 200, {"data": [MODEL]}
    fresh.pages["/version"] = 200, {"version": "0.32.0"}
    fresh.pages["/openapi.json"] = 200, schema("/v1/completions", VLLM)
    target = start()
    loaded = target.load(fresh.url).loaded
    assert (loaded.engine_build.value, loaded.context_tokens.value) == ("vllm 0.32.0", 99)
    assert loaded.ignored == ()
    target.record(tokens=7)
    forced = fresh.bodies[-1]
    assert (forced["ignore_eos"], forced["return_token_ids"]) == (True, True)
    assert (forced["min_p"], forced["repetition_penalty"], forced["top_k"]) == (0.0, 1.0, 0)
    assert not {"repeat_penalty", "temperature", "min_tokens", "stop_token_ids"} & forced.keys()
    target.record(tokens=7, stop_ids=(5,))
    natural = fresh.bodies[-1]
    assert natural["stop_token_ids"] == [5]
    assert not {"ignore_eos", "min_tokens"} & natural.keys()


@pytest.mark.parametrize(
    ("page", "value", "build", "context"),
    [
        ("/props", {"default_generation_settings": {"n_ctx": 640}, "build_info": "b7"}, "b7", 640),
        ("/api/version", {"version": "0.12.0"}, "0.12.0", None),
        ("/api/v0/models", {"data": []}, None, None),
    ],
)
def test_a_kind_that_says_nothing_is_known_by_a_page_of_its_own(
    start: Start, fresh: Server, page: str, value: Any, build: str | None, context: int | None
) -> None:
    fresh.pages[page] = 200, value
    if page != "/props":
        fresh.pages["/v1/completions"] = 200, takes_text(puts_bos=True)
    loaded = start().load(fresh.url).loaded
    kinds = {"/props": "llama-server", "/api/version": "ollama", "/api/v0/models": "lm-studio"}
    assert loaded.settings["server"].value == kinds[page]
    assert loaded.settings["fields known from"].value == "its kind"
    assert loaded.engine_build.value == (build and f"{kinds[page]} {build}")
    assert loaded.context_tokens.value == context
    sends = "token ids" if page == "/props" else "text"
    assert loaded.settings["prompt sent as"].value == sends


def test_the_suite_may_say_what_kind_of_server_it_is(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/models"] = 200, {"data": [{"id": "m", "owned_by": "vllm"}]}
    fresh.pages["/flush_cache"] = 200, {}
    target = start()
    assert target.load(fresh.url, server="sglang").loaded.settings["server"].value == "sglang"
    assert target.record(tokens=1).failure is None
    assert fresh.bodies[-1]["stream_options"]["continuous_usage_stats"] is True
    (flush,) = (head for head in fresh.headers if head.startswith("POST /flush_cache "))
    assert "content-length: 0\r\n" in flush.lower()


def test_length_is_forced_by_min_tokens_where_there_is_nothing_better(
    start: Start, fresh: Server
) -> None:
    fresh.pages["/openapi.json"] = 200, schema("/v1/completions", ["prompt", "min_tokens"])
    target = start()
    loaded = target.load(fresh.url).loaded
    assert loaded.engine_build.value == "Scripted 1.2"
    target.record(tokens=7)
    assert fresh.bodies[-1]["min_tokens"] == 7


def test_fields_of_the_servers_own_are_sent_with_every_request(start: Start, fresh: Server) -> None:
    target = start()
    loaded = target.load(fresh.url, extra_body={"ignore_eos": True, "cache_prompt": False}).loaded
    assert loaded.ignored == ("top_k", "stop ids")
    target.record(tokens=1)
    assert fresh.bodies[-1]["ignore_eos"] is True
    assert fresh.bodies[-1]["cache_prompt"] is False


@pytest.mark.parametrize("puts_bos", [True, False])
def test_bos_is_in_a_text_once_whoever_puts_it(start: Start, fresh: Server, puts_bos: bool) -> None:
    fresh.pages["/v1/completions"] = 200, takes_text(puts_bos=puts_bos)
    target = start()
    settings = target.load(fresh.url).loaded.settings
    assert settings["prompt sent as"].value == "text"
    assert settings["BOS put by the server"].value is puts_bos
    prompt = (0, *tiny_ids(" The river is cold."))
    fresh.says(event(words(" is")), event(finish()), event(usage(len(prompt), 1)))
    assert target.record(tokens=1, prompt=prompt).failure is None
    sent = fresh.bodies[-1]["prompt"]
    assert sent == ("" if puts_bos else "<|bos|>") + " The river is cold."


def test_ids_that_do_not_survive_being_text_fail_their_request(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/completions"] = 200, takes_text(puts_bos=True)
    target = start()
    target.load(fresh.url)
    letters = (0, *tiny_ids("T"), *tiny_ids("h"), *tiny_ids("e"))
    assert "takes text only, and the prompt's 4 ids do not" in target.failure(prompt=letters)
    assert "holds id 2048; the vocabulary is 0 to 2047" in target.failure(prompt=(0, 2048))


def test_a_chat_gets_the_words_as_one_message_and_its_ids_stay_unproven(
    start: Start, fresh: Server
) -> None:
    fresh.pages["/v1/chat/completions"] = 200, completion(30)
    target = start()
    loaded = target.load(fresh.url, api="chat").loaded
    assert "prompt ids: the server puts its own chat template" in loaded.ignored[0]
    delta = {"choices": [{"delta": {"content": "Hello"}, "finish_reason": "length"}]}
    fresh.says(event(delta), event(usage(31, 1, cached=0)))
    prompt = (0, 3, *tiny_ids("What now?"), 5)
    finished = target.record(tokens=1, prompt=prompt).finish
    assert fresh.bodies[-1]["messages"] == [{"role": "user", "content": "What now?"}]
    assert "prompt" not in fresh.bodies[-1]
    assert finished is not None
    assert finished.native == {"prompt_tokens": 31}
    assert finished.cached_prompt_tokens is None


def test_no_server_is_a_failed_launch_in_one_sentence(start: Start) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        kind, told = failure(start, url)
    assert kind == "startup"
    assert told.startswith(f"no server answers at {url} (")
    assert told.endswith("start it, or correct base_url")


def test_a_server_that_goes_away_ends_the_launch(start: Start) -> None:
    with Server().running() as leaving:
        leaving.pages["/v1/models"] = 200, {"data": [{"id": "tiny"}]}
        leaving.pages["/v1/completions"] = 200, lambda body: completion(len(body["prompt"]))
        target = start()
        target.load(leaving.url)
    with pytest.raises(WorkerFailed, match="no server answers at"):
        target.record()


@pytest.mark.parametrize(
    ("models", "model", "message"),
    [
        ([{"id": "a"}, {"id": "b"}], None, r"has 2 models \(a, b\); name one in model"),
        ([{"id": "a"}], "b", "no model 'b'; it has: a"),
        ([], None, r"has 0 models \(none\)"),
        ("odd", None, r"has 0 models \(none\)"),
    ],
)
def test_the_model_must_be_one_that_is_served(
    start: Start, fresh: Server, models: Any, model: str | None, message: str
) -> None:
    fresh.pages["/v1/models"] = 200, {"data": models}
    with pytest.raises(WorkerFailed, match=message):
        start().load(fresh.url, model=model)


def test_a_wrong_path_is_told_with_a_hint(start: Start, fresh: Server) -> None:
    kind, told = failure(start, fresh.url.removesuffix("/v1") + "/v2")
    assert (kind, told) == (
        "startup",
        "the server answered 404: Not Found; look at base_url and model",
    )


def test_a_key_goes_into_its_header_and_nowhere_else(
    start: Start, fresh: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = failure(start, fresh.url, api_key_env="TRIAL_KEY")
    assert told == "api_key_env names TRIAL_KEY, which is not set; export it, or drop it"
    fresh.pages["/v1/models"] = 401, {"error": {"message": "Invalid API key: s3cret-key"}}
    monkeypatch.setenv("TRIAL_KEY", "s3cret-key")
    _, told = failure(start, fresh.url, api_key_env="TRIAL_KEY")
    assert "401: Invalid API key: ***; name the variable" in told
    assert "authorization: bearer s3cret-key" in fresh.headers[-1].lower()


def test_ids_in_is_held_to(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/completions"] = 200, takes_text(puts_bos=True)
    kind, told = failure(start, fresh.url, ids_in=True)
    assert kind == "unsupported"
    assert "ids_in is true, and of" in told
    fresh.pages["/v1/completions"] = 400, {"error": {"message": "a string is due"}}
    kind, told = failure(start, fresh.url, ids_in=True)
    assert kind == "unsupported"
    assert told.endswith("400: a string is due")


def test_text_is_sent_where_the_suite_wants_it(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/completions"] = 200, takes_text(puts_bos=True)
    settings = start().load(fresh.url, ids_in=False).loaded.settings
    assert settings["prompt sent as"].value == "text"
    assert [body["prompt"] for body in fresh.bodies] == [TRIAL]


def test_a_tokenizer_of_another_model_is_noticed(start: Start, fresh: Server) -> None:
    fresh.pages["/v1/completions"] = 200, completion(77)
    _, told = failure(start, fresh.url, ids_in=False)
    assert "counts 77 tokens" in told
    assert "the artifact must be the folder of the model that is served" in told


def test_the_artifact_is_a_folder_with_a_tokenizer(
    start: Start, fresh: Server, tmp_path: Path
) -> None:
    _, told = failure(start, fresh.url, artifact=tmp_path)
    assert f"{tmp_path / 'tokenizer.json'} is no tokenizer" in told
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 1}))
    _, told = failure(start, fresh.url, artifact=tmp_path)
    assert "is no tokenizer" in told
    shutil.copy(TINY / "tokenizer.json", tmp_path)
    assert start().load(fresh.url, artifact=tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer_config.json").write_text("[")
    _, told = failure(start, fresh.url, artifact=tmp_path)
    assert "is no tokenizer" in told
