from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.api import Request
from crossbench.worker import protocol
from crossbench.worker.protocol import (
    Closed,
    Failed,
    Measure,
    Measured,
    ProtocolError,
    Quit,
    Record,
    Replies,
    RequestFailure,
    Strain,
    Tokenize,
    Tokenized,
)

RECORD = Record(
    id="r",
    t0_ns=5,
    delay_ns=2,
    stamps_ns=(10, 20),
    counts=(1, 3),
    token_ids=(1, 2, 3, 4),
    text=None,
    finish=None,
    failure=RequestFailure(kind="request", message="no"),
)
STRAIN = Strain(
    wakes=2,
    lag_p50_ns=10,
    lag_p99_ns=20,
    lag_max_ns=20,
    span_ns=9_000_000,
    loop_ns=400_000,
    process_ns=500_000,
)
REPLIES: list[protocol.Reply] = [
    Closed(),
    Tokenized(ids=((1, 2), ())),
    Tokenized(ids=None),
    Measured(records=(RECORD,)),
    Measured(records=(RECORD,), strain=STRAIN),
    Failed(kind="oom", phase=1, message="m", traceback="t", records=(RECORD,)),
]


@given(st.data())
def test_replies_survive_any_cut_of_the_bytes(data: st.DataObject) -> None:
    stream = b"".join(protocol.frame(reply) for reply in REPLIES)
    replies, heard = Replies(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        replies.feed(stream[:size])
        stream = stream[size:]
        while (reply := replies.next()) is not None:
            heard.append(reply)
    assert heard == REPLIES


@given(st.binary(max_size=200))
def test_garbage_is_a_protocol_error_or_waits_for_more(data: bytes) -> None:
    replies = Replies()
    replies.feed(data)
    try:
        while replies.next() is not None:
            pass
    except ProtocolError:
        pass


def test_a_frame_may_not_claim_more_than_the_limit() -> None:
    replies = Replies()
    replies.feed((protocol.MAX_FRAME_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(ProtocolError, match="allowed are 1 to"):
        replies.next()


def test_a_command_is_read_back() -> None:
    asked = Tokenize(texts=("a", "\u4f60"))
    assert protocol.command(protocol.frame(asked)[protocol.HEADER_BYTES :]) == asked
    assert protocol.command(protocol.frame(Quit())[protocol.HEADER_BYTES :]) == Quit()


@given(
    arrivals=st.lists(st.integers(0, 10**15), max_size=8).map(sorted),
    streams=st.integers(1, 1000),
    start=st.none() | st.integers(0, 2**63 - 1),
)
def test_a_load_is_read_back(arrivals: list[int], streams: int, start: int | None) -> None:
    requests = tuple(
        Request(id=str(number), prompt_ids=(1,), max_tokens=1) for number in range(len(arrivals))
    )
    asked = Measure(requests=requests, streams=streams, arrivals_ns=tuple(arrivals), start_ns=start)
    assert protocol.command(protocol.frame(asked)[protocol.HEADER_BYTES :]) == asked


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=4), st.integers(0, 4), st.integers(-1, 2))
def test_a_load_that_cannot_be_is_no_command(due: list[int], count: int, streams: int) -> None:
    request = {"id": "r", "prompt_ids": [1], "max_tokens": 1}
    body = {
        "type": "Measure",
        "requests": [request] * count,
        "streams": streams,
        "arrivals_ns": due,
    }
    sound = streams >= 1 and len(due) == count and due == sorted(due) and due[0] >= 0
    try:
        protocol.command(msgspec.msgpack.encode(body))
    except ProtocolError:
        assert not sound
    else:
        assert sound


def test_a_reply_is_no_command() -> None:
    with pytest.raises(ProtocolError, match="not a command"):
        protocol.command(protocol.frame(Closed())[protocol.HEADER_BYTES :])


def test_an_unknown_key_of_a_later_version_is_ignored() -> None:
    body = msgspec.msgpack.encode({"type": "Quit", "urgency": 3})
    assert protocol.command(body) == Quit()
