"""Where an RPC server listens, and whether one answers there.

llama.cpp ends its whole process when an RPC server cannot be reached or speaks another protocol,
and waits for ever for one that is busy. So a server is greeted here first, with a limit on the
wait. Messages follow `ggml-rpc.cpp` of ggml 0.25. This module imports no engine.
"""

from __future__ import annotations

import re
import socket
import struct
from typing import NamedTuple

from crossbench.api import EngineError, Unsupported

PROTOCOL = 7
"""RPC_PROTO_MAJOR_VERSION of `ggml-rpc.h`; servers of another one are of no use."""
HELLO = struct.pack("<BQ24x", 14, 24)
"""RPC_CMD_HELLO, the length of what follows, and no wish for a transport other than TCP."""
LENGTH = struct.Struct("<Q")
VERSION_BYTES = 3
LONGEST_ANSWER = 256
PATIENCE_S = 10.0
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
PORT = re.compile(r"[0-9]{1,5}")
MAX_PORT = 65535


class Endpoint(NamedTuple):
    """Host (a name or an IPv4 address, all that llama.cpp knows) and TCP port of an RPC server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(text: str) -> Endpoint:
    """An endpoint written as "host:port". Raises ValueError."""
    host, _, port = text.rpartition(":")
    number = int(port) if PORT.fullmatch(port) else 0
    if not HOST.fullmatch(host) or not 0 < number <= MAX_PORT:
        raise ValueError(
            f'{text!r} is no endpoint; allowed is "host:port" with a name or an IPv4 address and '
            f'a port from 1 to {MAX_PORT}, such as "192.168.1.20:50052"'
        )
    return Endpoint(host, number)


def address(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its host as an IPv4 address. Raises EngineError."""
    try:
        return Endpoint(socket.gethostbyname(endpoint.host), endpoint.port)
    except (OSError, UnicodeError) as error:
        raise EngineError(
            f"the host of the RPC server {endpoint} has no IPv4 address: {error}; correct "
            "rpc_servers"
        ) from error


def greet(endpoint: Endpoint, patience_s: float = PATIENCE_S) -> None:
    """Return once the server there has answered in llama.cpp's RPC protocol.

    Raises Unsupported for another version of the protocol, EngineError where nobody listens, where
    what listens is no RPC server, and where none answers within `patience_s`.
    """
    try:
        answer = _answer(endpoint, patience_s)
    except TimeoutError as error:
        raise EngineError(
            f"{endpoint} did not answer within {patience_s:g} s; an RPC server serves one client "
            "at a time, so another may be using it, or what listens there is none"
        ) from error
    except OSError as error:
        raise EngineError(
            f"no RPC server can be reached at {endpoint}: {error.strerror or error}; start one "
            "there (python -m crossbench_llamacpp.rpc_server) or correct rpc_servers"
        ) from error
    if len(answer) < VERSION_BYTES:
        raise EngineError(f"what listens at {endpoint} is no RPC server of llama.cpp")
    if answer[0] != PROTOCOL:
        found = ".".join(map(str, answer[:VERSION_BYTES]))
        raise Unsupported(
            f"the RPC server at {endpoint} speaks version {found} of the protocol and this build "
            f"of llama.cpp {PROTOCOL}; run the same version of llama.cpp on both machines"
        )


def _answer(endpoint: Endpoint, patience_s: float) -> bytes:
    """What a server answers to a greeting; empty from one that answers something else."""
    with socket.create_connection(address(endpoint), patience_s) as connection:
        connection.sendall(HELLO)
        with connection.makefile("rb") as stream:
            header = stream.read(LENGTH.size)
            length = LENGTH.unpack(header)[0] if len(header) == LENGTH.size else 0
            return stream.read(length) if length <= LONGEST_ANSWER else b""
