"""Text from which everything private is taken out, whatever stands around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.redaction.names import betrayed, here, servers, sorted_out
from crossbench.redaction.private import Private

UUID = "GPU-0a1b2c3d-0000-1111-2222-333344445555"
PRIVATE = Private(
    ["anna", "jo.doe-77", "quuxbox"],
    homes=["/home/anna", "/Users/Jo Doe"],
    devices={UUID: "GPU 0"},
    prompts=["What is my mother's maiden name?"],
)
SECRETS = [
    "anna",
    "jo.doe-77",
    "quuxbox",
    "/home/anna",
    "/Users/Jo Doe",
    UUID,
    "What is my mother's maiden name?",
    "hf_abcdefghijklmnopqrst",
    "de:ad:be:ef:00:01",
    "192.168.7.9",
    "0a1b2c3d-0000-1111-2222-333344445555",
    "jo@example.org",
    "github_pat_11ABCDEFG0123456789x",
    "gpu-4.home.arpa",
]
AROUND = st.text(
    st.sampled_from([*" \t\n.,:;=-_/\\|'\"()[]{}<>@~`$*#%&+?!\x1b\u202e\u00e9", *"aZ09"]),
    max_size=12,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /home/bert/x.py: broken", "in PATH/x.py: broken"),
        ("read ~/llama/bin/python", "read PATH/python"),
        ("/mnt/models/Llama 3/model.gguf", "PATH/model.gguf"),
        ("/home/anna", "~"),
        ("vllm=/opt/venv/bin/python", "vllm=PATH/python"),
        ("A=/usr/lib:/usr/local/lib", "A=PATH/lib:PATH/lib"),
        ("cc -I/usr/include/x -L/opt/y", "cc -IPATH/x -LPATH/y"),
        ("file:///srv/a/b.gguf", "PATH/b.gguf"),
        (r"C:\Users\bert\x.gguf is here", "PATH/x.gguf is here"),
        ("read/write and 1/2 of it, at 5 tok/s", "read/write and 1/2 of it, at 5 tok/s"),
        ("suites/quickstart.toml", "suites/quickstart.toml"),
        ("hf:owner/model@v1.0/file.gguf", "hf:owner/model@v1.0/file.gguf"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://10.1.2.3:8000/v1", "http://(address):8000/v1"),
        ("http://gpubox:8000/v1", "http://(host):8000/v1"),
        ("gpubox.lan and a.corp", "(host) and (host)"),
        ("https://bert:secret@hub.example.org/x", "https://hub.example.org/x"),
        ("nvidia-curand 10.3.9.90", "nvidia-curand 10.3.9.90"),
        (f"{UUID} is busy", "GPU 0 is busy"),
        ("GPU-ffffffff-1111 is busy", "(UUID) is busy"),
        ("Serial Number: C02XG0FDH7JY", "Serial Number: (serial)"),
        ("Authorization: Bearer abc.def", "Authorization: (key)"),
        ("anna's annas in savanna", "(private)'s annas in savanna"),
        ("\x1b[31manna\x1b[0m is red", "(private) is red"),
        (r"a\nanna and %2Fanna%2F", r"a\n(private) and %2F(private)%2F"),
        ("_hf_abcdefghijklmnopqrst_", "_(key)_"),
        ("/home/anna-2/x", "~-2/x"),
        ("QUUXBOX[12]: up", "(private)[12]: up"),
        ("Anna", "Anna"),
        ("cannot open '/data/Acme Client/x.gguf' here", "cannot open 'PATH/x.gguf' here"),
        (r'open "D:\\Acme Client\\x.gguf"', 'open "PATH/x.gguf"'),
        ("connect to 10.0.0.5 refused", "connect to (address) refused"),
        ("peer [fd00:1::5]:8080 and fe80::1%eth0", "peer (address):8080 and (address)"),
        ("172.16.4.9 but 172.15.4.9", "(address) but 172.15.4.9"),
        ("box.tail9.ts.net, nas.home, fritz.box", "(host), (host), (host)"),
        ("github_pat_11ABCDEFG0123456789x", "(key)"),
        ("glpat-abcdefghij0123456789", "(key)"),
        ("nvapi-abcdefghij0123456789", "(key)"),
        ("AKIAIOSFODNN7EXAMPLE", "(key)"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "(key)"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: (key)"),
        ("GET /v1?api_key=abc12345&x=1", "GET PATH/v1?api_key=(key)&x=1"),
        ("serve --api-key abc12345def", "serve --api-key (key)"),
        ('{"hf_token": "abc12345"}', '{"hf_token": "(key)"}'),
        ("BOS token = 1 '<s>', 0.123456 ms", "BOS token = 1 '<s>', 0.123456 ms"),
        ("bos_token='<|begin_of_text|>'", "bos_token='<|begin_of_text|>'"),
        ("global-attention-of-many-layers", "global-attention-of-many-layers"),
        ("", ""),
    ],
)
def test_what_is_private_is_replaced_and_nothing_else(text: str, shown: str) -> None:
    assert PRIVATE.text(text) == shown


@given(before=AROUND, secret=st.sampled_from(SECRETS), after=AROUND)
def test_no_secret_outlives_what_stands_around_it(before: str, secret: str, after: str) -> None:
    """As a word by itself: a name inside another word is another word."""
    if before and (before[-1].isalnum() or before[-1] in ".+-"):
        before += " "
    if after and after[0].isalnum():
        after = " " + after
    assert secret not in PRIVATE.text(before + secret + after)


@given(st.lists(st.one_of(AROUND, st.sampled_from(SECRETS)), max_size=6).map(" ".join))
def test_a_second_time_changes_nothing(text: str) -> None:
    once = PRIVATE.text(text)
    assert PRIVATE.text(once) == once
    assert PRIVATE.leaves(once)


@pytest.mark.parametrize("name", ["root", "runner", "localhost", "Ubuntu", "x", "4090", "10.0.0.1"])
def test_names_that_tell_nothing_of_anybody_stay(name: str) -> None:
    text = f"{name} is said of {name}"
    assert Private([name]).text(text) == text


def test_what_is_left_in_bytes_is_found() -> None:
    assert PRIVATE.left(b'{"path":"/home/anna/x"}') == "/home/anna"
    assert PRIVATE.left("\u00e9 quuxbox".encode()) == "quuxbox"
    assert PRIVATE.left(b"savanna \xff\xfe") is None
    assert PRIVATE.left(PRIVATE.text(" ".join(SECRETS)).encode()) is None


def test_options_tell_the_names_of_servers() -> None:
    told = {"rpc_servers": ["gpubox:50052", "10.0.0.7:50052"], "split": [1, 1], "x": "a:b:50052"}
    assert set(servers([told, {"master": "big.example.org:80"}])) == {"gpubox", "big.example.org"}


def test_paths_betray_their_owner() -> None:
    told = {
        "path": "/home/anna/suites/a.toml",
        "deep": [{"x": "cannot open /Users/bert/x: no"}, 7, None],
        "/mnt/c/Users/carla/y": "/Users/Jo Doe/My Models/x.gguf",
    }
    homes = set(betrayed(told))
    assert homes == {"/home/anna", "/Users/bert", "/mnt/c/Users/carla", "/Users/Jo Doe"}
    named = sorted_out([*homes, "quuxbox"])
    assert set(named.names) == {"anna", "bert", "carla", "Jo Doe", "quuxbox"}
    assert set(named.homes) == homes


def test_this_machine_tells_its_names() -> None:
    assert any("/" in each for each in here())
    assert len(here()) == len(set(here())) >= 2


def test_a_prompt_is_found_however_it_is_quoted() -> None:
    prompt = 'Say "yes"\nor é.'
    hidden = Private(prompts=[prompt])
    for told in (prompt, json.dumps(prompt), repr(prompt), f"refused: {prompt!r}"):
        assert "yes" not in hidden.text(told), told


def test_the_address_of_a_server_is_hidden_and_ones_own_is_not() -> None:
    hidden = Private()
    assert hidden.text("http://[2001:db8::17]:8000/v1") == "http://(address):8000/v1"
    assert hidden.text("http://[::1]:8000/v1") == "http://[::1]:8000/v1"
