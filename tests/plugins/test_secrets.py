"""Values of variables that look like keys are masked, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.secrets import is_secret, mask_file, masked, secrets, unsaid


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB-PASSWORD", "github.pat", "APIKEY"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "PATH", "KEYBOARD", "SSH_AUTHORITY"])
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_secret(name)


def test_short_values_and_paths_are_no_secrets(tmp_path: Path) -> None:
    environ = {"A_TOKEN": "1", "B_KEY": str(tmp_path), "C_KEY": "sk-12345678", "D": "sk-87654321"}
    assert secrets(environ) == (b"sk-12345678",)


def test_a_token_too_long_to_be_a_path_is_a_secret() -> None:
    token = "eyJ" + "x" * 2000
    assert secrets({"CI_JOB_TOKEN": token, "B_KEY": "sk\0-12345678"}) == (
        token.encode(),
        b"sk\0-12345678",
    )


def test_a_secret_inside_another_leaves_nothing_of_it() -> None:
    hidden = secrets({"A_KEY": "abcdefgh", "B_KEY": "abcdefghijkl"})
    assert masked(b"x abcdefghijkl abcdefgh", hidden) == b"x ************ ********"


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_a_mask_is_as_long_as_what_it_hides(before: bytes, after: bytes) -> None:
    data = before + b"sk-12345678" + after
    clean = masked(data, (b"sk-12345678",))
    assert len(clean) == len(data)
    assert b"sk-12345678" not in clean


def test_words_of_a_stranger_in_this_process_hold_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "sk-12345678")
    assert unsaid("cannot use sk-12345678\udcff") == "cannot use ***********\udcff"


def test_a_file_is_masked_in_place(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"a sk-12345678 b\n" * 10_000 + b"sk-1234567 and no more")
    assert mask_file(file, (b"sk-12345678",)) == 10_000
    assert file.read_bytes() == b"a *********** b\n" * 10_000 + b"sk-1234567 and no more"


def test_an_empty_file_and_no_secrets_are_nothing_to_do(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"")
    assert mask_file(file, (b"sk-12345678",)) == 0
    file.write_bytes(b"sk-12345678")
    assert mask_file(file, ()) == 0
