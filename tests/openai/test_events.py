"""Server-sent events come out the same, however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.api import RequestError
from crossbench_openai.events import EVENT_BYTES, Events

PAYLOAD = st.text(
    st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), min_size=1
)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])


def read(pieces: list[bytes]) -> list[bytes]:
    events = Events()
    return [data for piece in pieces for data in events.feed(piece)]


@given(st.lists(PAYLOAD, max_size=5), END, st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_gives_the_events_that_were_sent(
    payloads: list[str], end: bytes, cuts: list[int]
) -> None:
    whole = b"".join(b"data: " + payload.encode() + end + end for payload in payloads)
    whole += b": the last line is whole too" + end + b":"
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[begin:stop] for begin, stop in pairwise(places)]
    assert read(pieces) == [payload.encode() for payload in payloads]


def test_several_data_lines_are_one_event() -> None:
    assert read([b"data: a\r", b"\ndata:b\r\n", b"data:  c\r\n\r\n"]) == [b"a\nb\n c"]


def test_an_event_is_told_when_it_is_whole_and_not_before() -> None:
    events = Events()
    assert events.feed(b"data: a\n") == []
    assert events.feed(b"\n") == [b"a"]
    assert events.feed(b"\n\n") == []


def test_what_is_no_data_is_passed_over() -> None:
    assert read([b": note\nevent: x\nid: 1\ndata\n\nretry: 5\n\ndatum: 1\n\n"]) == []


def fill(events: Events, piece: bytes) -> None:
    """A hundred MiB of what completes no event."""
    for _ in range((100 << 20) // len(piece)):
        assert events.feed(piece) == []


@pytest.mark.parametrize("begin", [b"data: ", b": ", b"data: a\ndata: b\n", b""])
def test_an_event_without_an_end_is_refused_once_it_is_too_long(begin: bytes) -> None:
    events, piece = Events(), b"x" * (1 << 16)
    events.feed(begin)
    with pytest.raises(RequestError, match="an event of more than 32 MiB"):
        fill(events, piece)


def test_many_lines_of_data_are_one_event_and_bounded_too() -> None:
    events, piece = Events(), b"data: " + b"x" * (1 << 16) + b"\n"
    with pytest.raises(RequestError, match="an event of more than 32 MiB"):
        fill(events, piece)


def test_a_long_event_that_ends_is_whole_however_it_was_cut() -> None:
    events, piece = Events(), b"x" * (1 << 16)
    assert events.feed(b"data: ") == []
    for _ in range(64):
        assert events.feed(piece) == []
    assert events.feed(b"\r") == []
    (found,) = events.feed(b"\n\r\n")
    assert found == piece * 64
    assert 64 * len(piece) < EVENT_BYTES


def test_what_has_passed_does_not_count_against_what_comes() -> None:
    events, piece = Events(), b"data: " + b"x" * (1 << 20) + b"\n\n"
    assert sum(len(events.feed(piece)) for _ in range(40)) == 40


def test_a_return_at_the_end_ends_its_line_with_whatever_comes_next() -> None:
    events = Events()
    assert events.feed(b"data: a\r\r") == []
    assert events.feed(b"d") == [b"a"]
