from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbench.worker import protocol
from crossbench.worker.protocol import (
    Closed,
    Failed,
    Measured,
    ProtocolError,
    Quit,
    Record,
    Replies,
    RequestFailure,
    Tokenize,
    Tokenized,
)

RECORD = Record(
    id="r",
    t0_ns=5,
    stamps_ns=(10, 20),
    counts=(1, 3),
    token_ids=(1, 2, 3, 4),
    text=None,
    finish=None,
    failure=RequestFailure(kind="request", message="no"),
)
REPLIES: list[protocol.Reply] = [
    Closed(),
    Tokenized(ids=((1, 2), ())),
    Tokenized(ids=None),
    Measured(records=(RECORD,)),
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


def test_a_reply_is_no_command() -> None:
    with pytest.raises(ProtocolError, match="not a command"):
        protocol.command(protocol.frame(Closed())[protocol.HEADER_BYTES :])


def test_an_unknown_key_of_a_later_version_is_ignored() -> None:
    body = msgspec.msgpack.encode({"type": "Quit", "urgency": 3})
    assert protocol.command(body) == Quit()
