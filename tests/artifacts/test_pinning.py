"""`crossbench suite pin`: branches become commits in the file, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.artifacts.pinning import pin
from crossbench.artifacts.settings import HubSettings
from crossbench.errors import ArtifactFailure, InputError, SuiteError
from tests.artifacts.conftest import GGUFS, MODEL, QUICK, Told
from tests.artifacts.hub import Server

ONE, TWO = "1" * 40, "2" * 40
SUITE = f"""\
#:schema ./suite.schema.json
schema = 1\r
name = "pins"   # "hf:{MODEL}" is its tokenizer
title = "hf:{MODEL}"

[model]
name = "tiny"
tokenizer = "hf:{MODEL}"    # a comment

[targets.a]
backend = "null"
artifact = ["hf:{GGUFS}/tiny-q8_0.gguf", 'hf:{GGUFS}@v1/tiny-f16.gguf', "model.gguf"]

[targets."hf:{MODEL}"]
artifact = "hf:{MODEL}@{ONE}"
backend = "null"

[[scenarios]]
name = "short"
prompt_tokens = 16
output_tokens = 8"""


def written(tmp_path: Path, text: str = SUITE) -> Path:
    path = tmp_path / "pins.toml"
    path.write_bytes(text.encode())
    return path


def pinned(path: Path, settings: HubSettings) -> dict[str, str]:
    return dict(pin(path, Told(), settings=settings, patience=QUICK))


def test_references_become_commits_and_every_other_byte_stays(
    tmp_path: Path, hub: Server, settings: HubSettings
) -> None:
    text = SUITE.replace('[targets."hf:lab/tiny"]', "[targets.b]")
    path = written(tmp_path, text)
    path.chmod(0o640)
    found = pinned(path, settings)
    assert found == {
        f"hf:{MODEL}": f"hf:{MODEL}@{ONE}",
        f"hf:{GGUFS}/tiny-q8_0.gguf": f"hf:{GGUFS}@{TWO}/tiny-q8_0.gguf",
        f"hf:{GGUFS}@v1/tiny-f16.gguf": f"hf:{GGUFS}@{TWO}/tiny-f16.gguf",
    }
    expected = text.replace(f'tokenizer = "hf:{MODEL}"', f'tokenizer = "hf:{MODEL}@{ONE}"')
    expected = expected.replace(f"{GGUFS}/tiny", f"{GGUFS}@{TWO}/tiny")
    expected = expected.replace(f"{GGUFS}@v1", f"{GGUFS}@{TWO}")
    assert path.read_bytes() == expected.encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    assert pinned(path, settings) == {}


def test_a_suite_that_is_wrong_is_left_alone(
    tmp_path: Path, hub: Server, settings: HubSettings
) -> None:
    path = written(tmp_path)
    with pytest.raises(SuiteError):
        pinned(path, settings)
    assert path.read_bytes() == SUITE.encode()
    assert not hub.seen


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("hf:lab/none", "no repository lab/none"),
        (f"hf:{GGUFS}/tiny-q4.gguf", "did you mean"),
        (f"hf:{GGUFS}@v9/tiny-q4_k_m.gguf", "no revision 'v9'"),
    ],
)
def test_nothing_is_written_unless_everything_is_known(
    tmp_path: Path, hub: Server, settings: HubSettings, reference: str, says: str
) -> None:
    text = SUITE.replace('[targets."hf:lab/tiny"]', "[targets.b]").replace("model.gguf", reference)
    path = written(tmp_path, text)
    with pytest.raises(ArtifactFailure, match=says):
        pinned(path, settings)
    assert path.read_bytes() == text.encode()


def test_offline_no_commit_is_known(tmp_path: Path, hub: Server, settings: HubSettings) -> None:
    path = written(tmp_path, SUITE.replace('[targets."hf:lab/tiny"]', "[targets.b]"))
    with pytest.raises(ArtifactFailure, match="HF_HUB_OFFLINE is set"):
        pinned(path, replace(settings, offline=True))


def test_a_string_written_in_another_way_is_left_to_its_author(
    tmp_path: Path, hub: Server, settings: HubSettings
) -> None:
    text = SUITE.replace('[targets."hf:lab/tiny"]', "[targets.b]").replace(
        f'tokenizer = "hf:{MODEL}"', 'tokenizer = "hf:lab/\\u0074iny"'
    )
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=f"write 'hf:{MODEL}@{ONE}' there yourself"):
        pinned(path, settings)
    assert path.read_bytes() == text.encode()
