"""Contract v1 is frozen: what it held when it was frozen it holds, and what comes has a default."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec
import pytest

from crossbench import api
from crossbench.api import Chunk, Finish
from tools.plugin_reference import Entry, hooks, sections

FROZEN = Path(__file__).with_name("contract-v1.txt")


def surface(entry: Entry) -> list[str]:
    """A line for what it is, and one for each of its parts."""
    return [f"{entry.name} ({entry.kind})", *(f"{entry.name}.{p.signature}" for p in entry.parts)]


def now() -> list[str]:
    """The whole contract."""
    entries = [*hooks(), *(entry for _, part in sections() for entry in part)]
    return [line for entry in entries for line in surface(entry)]


def test_nothing_of_it_was_taken_away_or_changed() -> None:
    lost = set(FROZEN.read_text().splitlines()) - set(now())
    assert not lost, "contract v1 is frozen; docs/plugins.md tells what may change, and how"


def test_what_came_to_a_struct_has_a_default() -> None:
    frozen = FROZEN.read_text().splitlines()
    structs = [
        each
        for name in api.__all__
        if inspect.isclass(each := getattr(api, name)) and issubclass(each, msgspec.Struct)
    ]
    assert len(structs) > 10
    for kind in structs:
        for field in msgspec.structs.fields(kind):
            old = any(line.startswith(f"{kind.__name__}.{field.name}: ") for line in frozen)
            assert old or not field.required, f"{kind.__name__}.{field.name}"


def test_everything_public_is_in_the_list() -> None:
    listed = {entry.name for _, part in sections() for entry in part}
    assert listed == set(api.__all__)


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk((1, 2, 3)),
        Chunk(None, "text", tokens=4),
        Chunk(None, "thinking", tokens=4, reasoning=True),
        Chunk((), finish=Finish(reason="stop", drafted_tokens=8, accepted_tokens=5)),
        Chunk(None, finish=Finish(reason="length", output_tokens=9, reasoning_tokens=4)),
    ],
)
def test_a_chunk_survives_the_wire(chunk: Chunk) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(chunk), type=Chunk) == chunk
