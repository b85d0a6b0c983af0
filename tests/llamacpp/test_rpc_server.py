"""The server that lends devices: where it listens, how it ends, and what it warns of."""

from __future__ import annotations

import signal
import socket
import subprocess

import pytest

from crossbench_llamacpp import endpoint
from tests.llamacpp.conftest import Serve, listening

pytestmark = pytest.mark.engine("llamacpp")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_where_it_listens_and_ends_when_told(serve: Serve, how: signal.Signals) -> None:
    (server,) = listening(serve, 1)
    where = endpoint.parse(server.endpoint)
    assert where.host == "127.0.0.1"
    endpoint.greet(where)
    endpoint.greet(where)
    assert "WARNING" not in server.said()
    server.process.send_signal(how)
    assert server.exit_code() == -how
    assert "Traceback" not in server.said()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, 5)


def test_it_ends_with_the_one_who_started_it(serve: Serve) -> None:
    (server,) = listening(serve, 1)
    assert server.process.stdin is not None
    server.process.stdin.write(b"not the end")
    server.process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(0.5)
    endpoint.greet(endpoint.parse(server.endpoint))
    server.process.stdin.close()
    assert server.exit_code() == 0


def test_a_port_that_is_taken_ends_it_with_the_reason(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serve("--port", str(taken.getsockname()[1]))
        assert server.wait_for_endpoint() is None
        assert server.exit_code() == 1
    assert "could not listen at 127.0.0.1:" in server.said()


def test_a_host_that_is_not_of_this_machine_ends_it_with_the_reason(serve: Serve) -> None:
    server = serve("--host", "192.0.2.1", "--port", "0")
    assert server.wait_for_endpoint() is None
    assert server.exit_code() == 1
    assert "cannot listen at 192.0.2.1" in server.said()
    assert "WARNING" in server.said()
