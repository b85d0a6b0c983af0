"""The headers that come with crossbench, of the artifacts that its own suites pin."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbench.artifacts import known
from crossbench.artifacts.headers import headers
from crossbench.artifacts.look import look
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.whereabouts import Headed, Unread
from crossbench.fit.artifact import shape_of
from tools import known_headers

PINNED = tuple(known_headers.pinned())
SIZES = {
    "bartowski/Llama-3.3-70B-Instruct-GGUF": 42_520_398_816,
    "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF": 4_920_739_232,
    "mlx-community/Llama-3.3-70B-Instruct-4bit": 39_688_355_840,
}
"""Repository -> bytes of its weights as published; see `tests/fit/test_published.py`."""


def header(wanted: Hub, place: Path) -> Headed | Unread:
    """What a plan knows of it without any network."""
    settings = HubSettings(endpoint="http://127.0.0.1:1", cache=place / "hub", offline=True)
    written = str(wanted)
    return headers(look([written], settings=settings), settings=settings)[written]


@pytest.mark.parametrize("wanted", PINNED, ids=known.name)
def test_what_our_suites_pin_has_a_known_shape_offline(wanted: Hub, tmp_path: Path) -> None:
    found = header(wanted, tmp_path)
    assert isinstance(found, Headed)
    assert found.note == known.NOTE
    shape = shape_of(found.header)
    assert shape.unmodelled is None
    assert shape.context_tokens == 131072
    if wanted.id in SIZES:
        assert shape.weight_bytes == pytest.approx(SIZES[wanted.id], rel=0.002)


def test_no_other_commit_is_taken_for_a_pinned_one(tmp_path: Path) -> None:
    for revision in ("0" * 40, None):
        assert isinstance(header(replace(PINNED[0], revision=revision), tmp_path), Unread)


@pytest.mark.parametrize("wanted", PINNED, ids=known.name)
def test_the_headers_are_those_that_the_tool_makes(wanted: Hub, tmp_path: Path) -> None:
    assert known.known(wanted) == known_headers.header(wanted, tmp_path)


def test_there_is_no_header_that_no_suite_pins() -> None:
    shipped = {path.name for path in Path(known.__file__).parent.glob("*.header")}
    assert shipped == {known.name(wanted) for wanted in PINNED}
