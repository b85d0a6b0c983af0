"""An RPC server is checked before llama.cpp meets it: reachable, alive, of the same protocol."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from crossbench.api import EngineError, Unsupported
from crossbench_llamacpp import endpoint
from crossbench_llamacpp.endpoint import Endpoint

Listen = Callable[[bytes | None], Endpoint]
ANSWER = struct.pack("<QBBB25x", 28, 7, 0, 0)


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Starts a server that answers the greeting with these bytes and hangs up, or stays silent."""
    with ExitStack() as opened:

        def start(answer: bytes | None) -> Endpoint:
            server = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            if answer is not None:
                thread = threading.Thread(target=_answer, args=(server, answer))
                thread.start()
                opened.callback(thread.join, 5)
            return Endpoint(*server.getsockname())

        yield start


def _answer(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        assert connection.recv(100) == endpoint.HELLO
        connection.sendall(answer)


@pytest.mark.parametrize(
    "text", ["127.0.0.1:50052", "localhost:1", "mac-studio.local:65535", "a:9", "box_2:50052"]
)
def test_an_endpoint_is_a_host_and_a_port(text: str) -> None:
    assert str(endpoint.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":50052",
        "host:0",
        "host:65536",
        "host:-1",
        "host: 1",
        "host:1 ",
        "host:٣",
        "host:1e3",
        "[::1]:50052",
        "::1:50052",
        "tcp://host:1",
        "host:1:2",
        "-host:1",
        "ho st:1",
        "host:999999999999999999999",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'allowed is "host:port".*such as'):
        endpoint.parse(text)


def test_a_server_that_answers_is_greeted(listen: Listen) -> None:
    endpoint.greet(listen(ANSWER))


def test_nobody_there_is_told_at_once(listen: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = Endpoint(*gone.getsockname())
    with pytest.raises(EngineError, match=f"{where}: Connection refused; start one there"):
        endpoint.greet(where)


def test_silence_ends_in_time_and_names_the_likely_reason(listen: Listen) -> None:
    where = listen(None)
    began = time.monotonic()
    with pytest.raises(EngineError, match=f"{where} did not answer within 0.3 s.*one client"):
        endpoint.greet(where, patience_s=0.3)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x1c", struct.pack("<Q", 28), b"\0" * 8],
)
def test_what_is_no_rpc_server_is_not_taken_for_one(listen: Listen, answer: bytes) -> None:
    with pytest.raises(EngineError, match="is no RPC server of llama"):
        endpoint.greet(listen(answer))


@pytest.mark.parametrize(
    "answer", [struct.pack("<QBBB", 3, 3, 6, 0), b"\x1c" + ANSWER[1:8] + b"\x08\1\2" + b"\0" * 25]
)
def test_another_version_of_the_protocol_is_unsupported(listen: Listen, answer: bytes) -> None:
    with pytest.raises(Unsupported, match=r"speaks version (3\.6\.0|8\.1\.2) of the protocol"):
        endpoint.greet(listen(answer))


def test_a_host_without_an_address_is_told() -> None:
    with pytest.raises(EngineError, match="has no IPv4 address"):
        endpoint.address(Endpoint(f"{'a' * 70}.invalid", 1))
