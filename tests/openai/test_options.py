"""Which options make sense, and what is said of the others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crossbench_openai.options import OURS, OpenAIOptions

URL = "http://127.0.0.1:8000/v1"


def options(**given: Any) -> OpenAIOptions:
    return msgspec.convert({"base_url": URL, **given}, OpenAIOptions)


def test_only_the_address_is_needed() -> None:
    assert options() == OpenAIOptions(base_url=URL)
    with pytest.raises(msgspec.ValidationError, match=r"base_url is missing; .* or set command"):
        msgspec.convert({}, OpenAIOptions)


def test_a_server_that_is_started_needs_no_address() -> None:
    assert msgspec.convert({"command": ["serve", "{port}"]}, OpenAIOptions).base_url is None
    both = options(command=["serve", "--port", "8000"], environ={"A": "b"}, health="/ready")
    assert both.command == ("serve", "--port", "8000")


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        options(base_url="http://user:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", [URL, "https://example.org/v1/", "http://[::1]:80/v1", "http://localhost/proxy/v1"]
)
def test_an_address_is_http_with_a_host(url: str) -> None:
    assert options(base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://host/v1",
        "http:///v1",
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://host:0/v1",
        "http://[::1/v1",
        "http://host/v1?key=1",
        "http://user:secret@host/v1",
    ],
)
def test_any_other_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="such as http://127"):
        options(base_url=url)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"api": "responses"}, "Invalid enum value 'responses'"),
        ({"ids_in": "yes"}, "Expected `bool | null`"),
        ({"read_timeout_s": 0}, "> 0"),
        ({"connect_timeout_s": -1}, "> 0"),
        ({"bse_url": URL}, "unknown field `bse_url`"),
        ({"api": "chat", "ids_in": True}, "ids_in is true and api is chat"),
        ({"server": "llamafile"}, "Invalid enum value 'llamafile'"),
        ({"command": [""]}, "command begins with an empty word"),
        ({"command": "serve"}, "Expected `array"),
        ({"command": ["serve", "--api-key", "x"]}, "command holds --api-key, and commands are"),
        ({"command": ["serve", "--api_key=x"]}, "command holds --api_key, and commands are"),
        ({"command": ["serve", "--hf-token", "x"]}, "command holds --hf-token, and commands are"),
        ({"command": ["env", "X_API_KEY=x", "serve"]}, "command holds X_API_KEY, and commands are"),
        ({"command": ["sh", "-c", "serve --token x"]}, "command holds --token, and commands are"),
        (
            {"base_url": "http://127.0.0.1:1/v1", "extra_body": {"a": [{"api_key": "x"}]}},
            "extra_body holds api_key, and options are written into reports",
        ),
        ({"environ": {"A": "b"}}, "environ is set and command is not"),
        ({"command": ["serve"], "health": "ready"}, "health is 'ready'; it is a path from the"),
        ({"start_timeout_s": 0}, "> 0"),
        ({"extra_body": {"stream": False, "model": "x"}}, "extra_body sets model, stream, which"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message.replace("|", r"\|")):
        options(**given)


@pytest.mark.parametrize("field", sorted(OURS))
def test_a_suite_cannot_change_what_is_measured_through_extra_fields(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        options(extra_body={field: 1})


@pytest.mark.parametrize("name", ["VLLM_API_KEY", "HF_TOKEN", "my_secret", "PASSWORD"])
def test_a_key_in_environ_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"environ sets {name}, .* export") as told:
        options(command=["serve"], environ={name: "hunter2"})
    assert "hunter2" not in str(told.value)
    assert options(command=["serve"], environ={"KEYBOARD": "de", "TOKENIZERS_PARALLELISM": "0"})
