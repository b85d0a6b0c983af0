"""What host and worker say to each other: typed messages in length-prefixed msgpack frames.

The host asks and the worker answers, one message at a time. A frame is four bytes of big-endian
length and that many bytes of msgpack; a frame that is too long or does not decode is a
`ProtocolError`, never a guess. Stamps are `time.perf_counter_ns`, one clock for every process of a
machine, so the host may subtract its own from the worker's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from crossbench.api import (
    DeviceMemory,
    Finish,
    Loaded,
    ModelRef,
    Needs,
    Request,
    TokenScore,
    Vocabulary,
)

PROTOCOL = 1
HEADER_BYTES = 4
MAX_FRAME_BYTES = 256 * 2**20

FailureKind: TypeAlias = Literal["oom", "crash", "timeout", "startup", "error", "unsupported"]
"""How a launch, or a cell of it, failed."""

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding hostile bytes may raise."""


class ProtocolError(Exception):
    """The other side sent what is no message of this protocol."""


class _Message(Struct, frozen=True, kw_only=True, tag=True):
    """Base of the messages; the struct's name is its tag."""


# Host to worker


class Load(_Message, frozen=True, kw_only=True):
    """Import the backend and load the artifact, in place of any before; answered by Ready."""

    factory: str
    options_type: str
    options: dict[str, Any]
    model: ModelRef
    needs: Needs
    distributions: tuple[str, ...]
    """Distributions whose installed versions Ready tells."""


class Measure(_Message, frozen=True, kw_only=True):
    """Drop cached prefixes, then run these requests; answered by Measured."""

    requests: tuple[Request, ...]
    streams: int = 1
    """Requests in flight at once: a closed loop with this many users."""
    arrivals_ns: tuple[int, ...] = ()
    """An open loop instead: when each request is due, counted from the start, in ascending order.
    None waits for another to end."""
    start_ns: int | None = None
    """The `perf_counter_ns` at which it starts, so that several workers start together; None for
    at once."""

    def __post_init__(self) -> None:
        """Raises ValueError for a load that cannot be asked for."""
        due = self.arrivals_ns
        if self.streams < 1:
            raise ValueError(f"{self.streams} streams; allowed: 1 or more")
        if due and len(due) != len(self.requests):
            raise ValueError(f"{len(due)} arrivals of {len(self.requests)} requests")
        if due and (due[0] < 0 or any(late < soon for soon, late in pairwise(due))):
            raise ValueError("arrivals are not in ascending order from 0 on")


class Tokenize(_Message, frozen=True, kw_only=True):
    """Ids of these texts by the artifact's own tokenizer; answered by Tokenized."""

    texts: tuple[str, ...]


class ReadVocabulary(_Message, frozen=True, kw_only=True):
    """What the artifact says of its tokenizer; answered by VocabularyRead."""


class Score(_Message, frozen=True, kw_only=True):
    """How likely the model finds ids[first:]; answered by Scored."""

    ids: tuple[int, ...]
    first: int
    top_k: int


class ReadMemory(_Message, frozen=True, kw_only=True):
    """The engine's memory now; answered by MemoryRead."""


class Quit(_Message, frozen=True, kw_only=True):
    """Close the session and exit; answered by Closed."""


Command: TypeAlias = Load | Measure | Tokenize | ReadVocabulary | Score | ReadMemory | Quit


# Worker to host


class Instrument(Struct, frozen=True, kw_only=True):
    """What the driver itself costs on this machine, measured over an engine that does nothing."""

    chunks: int
    median_ns: int
    """Median time from one stamp to the next."""
    p99_ns: int
    """99th percentile of the same: the error a single stamp may carry."""


class Ready(_Message, frozen=True, kw_only=True):
    """The session stands."""

    python: str
    versions: dict[str, str]
    """Distribution -> version, of those asked for that the worker's interpreter has."""
    main_ns: int
    """When the worker had started and knew its own modules."""
    imported_ns: int
    """When the backend was imported and its options were read."""
    ready_ns: int
    """When the session was loaded and described."""
    loaded: Loaded
    memory: dict[str, DeviceMemory]
    instrument: Instrument


class RequestFailure(Struct, frozen=True, kw_only=True):
    """Why one request gave no valid result."""

    kind: Literal["request", "contract"]
    """"request": the engine refused it; "contract": the plugin broke the contract."""
    message: str


class Record(Struct, frozen=True, kw_only=True):
    """The raw record of one request, as the driver saw it."""

    id: str
    t0_ns: int
    """When the ids were handed to the engine; in an open loop, when they were due to be."""
    delay_ns: int = 0
    """How long after that they were handed over: the engine, or the driver, was busy."""
    stamps_ns: tuple[int, ...]
    """When each chunk arrived, counted from t0."""
    counts: tuple[int, ...]
    """Tokens in each chunk; 0 where it carried none, or text whose tokens nobody counted."""
    text_bytes: tuple[int, ...] = ()
    """UTF-8 bytes of each chunk's text; empty where no chunk carried text."""
    token_ids: tuple[int, ...] | None
    text: str | None
    reasoning_chunks: int = 0
    """Chunks before the first of the answer, where the engine tells its reasoning apart."""
    finish: Finish | None
    suspended_ns: int = 0
    """How long the machine slept meanwhile."""
    failure: RequestFailure | None = None


class Strain(Struct, frozen=True, kw_only=True):
    """How busy the worker was while it served several requests at once.

    A timer of the driver's own wakes every few milliseconds; its lag is how much later the event
    loop came to it. A stamp may be late by as much."""

    wakes: int
    lag_p50_ns: int
    lag_p99_ns: int
    lag_max_ns: int
    span_ns: int
    """From the start to the last answer."""
    loop_ns: int
    """Processor time of the event loop's thread meanwhile."""
    process_ns: int
    """The same of all threads of the worker, an engine's in this process among them."""


class Measured(_Message, frozen=True, kw_only=True):
    """One record for each request, in the order asked."""

    records: tuple[Record, ...]
    strain: Strain | None = None
    """None where requests were answered one at a time."""
    late_ns: int = 0
    """How long after the start that was asked for it began, of replicas the last; 0 where none
    was."""


class Tokenized(_Message, frozen=True, kw_only=True):
    """Ids of each text, or None from a session that refuses."""

    ids: tuple[tuple[int, ...], ...] | None


class VocabularyRead(_Message, frozen=True, kw_only=True):
    """The artifact's own tokenizer, or None from a session that cannot tell."""

    vocabulary: Vocabulary | None


class Scored(_Message, frozen=True, kw_only=True):
    """One score for each of ids[first:], or why the engine refused."""

    scores: tuple[TokenScore, ...]
    failure: RequestFailure | None = None


class MemoryRead(_Message, frozen=True, kw_only=True):
    """Device id -> memory."""

    memory: dict[str, DeviceMemory]


class Failed(_Message, frozen=True, kw_only=True):
    """The command could not be done and the launch is over."""

    kind: Literal["oom", "unsupported", "error"]
    phase: int
    """The `Phase` in which it failed."""
    message: str
    traceback: str
    records: tuple[Record, ...] = ()
    """What had finished before."""


class Closed(_Message, frozen=True, kw_only=True):
    """The session is closed; the worker exits next."""


Reply: TypeAlias = (
    Ready | Measured | Tokenized | VocabularyRead | Scored | MemoryRead | Failed | Closed
)

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Command | Reply) -> bytes:
    """One message as bytes on the pipe. Raises ProtocolError when it cannot be one."""
    try:
        body = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"a message cannot be encoded: {error}") from error
    return body_length(len(body)).to_bytes(HEADER_BYTES, "big") + body


def body_length(length: int) -> int:
    """The length, if a frame may have it. Raises ProtocolError."""
    if not 0 < length <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes; allowed are 1 to {MAX_FRAME_BYTES}")
    return length


def command(body: bytes) -> Command:
    """Decode what the host said. Raises ProtocolError."""
    try:
        return _commands.decode(body)
    except UNDECODABLE as error:
        raise ProtocolError(f"not a command of protocol {PROTOCOL}: {error}") from error


class Replies:
    """Turns the bytes a worker sends, however they are cut, into its replies.

    `clean` sees each message before it is read, and gives back as many bytes.
    """

    def __init__(self, clean: Callable[[bytes], bytes] = bytes) -> None:
        self._pending = bytearray()
        self._clean = clean

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._pending += data

    def next(self) -> Reply | None:
        """The next whole reply, or None until more bytes come. Raises ProtocolError."""
        if len(self._pending) < HEADER_BYTES:
            return None
        length = body_length(int.from_bytes(self._pending[:HEADER_BYTES], "big"))
        end = HEADER_BYTES + length
        if len(self._pending) < end:
            return None
        body = self._clean(bytes(self._pending[HEADER_BYTES:end]))
        del self._pending[:end]
        try:
            return _replies.decode(body)
        except UNDECODABLE as error:
            raise ProtocolError(f"not a reply of protocol {PROTOCOL}: {error}") from error
