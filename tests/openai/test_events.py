"""Server-sent events come out the same, however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from crossbench_openai.events import Events

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
