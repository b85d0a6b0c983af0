"""An RPC server: lends this machine's devices to a llama.cpp elsewhere.

    python -m crossbench_llamacpp.rpc_server [--host 127.0.0.1] [--port 50052] [--threads N]

It prints the endpoint, "host:port" on a line by itself, once it answers there, and logs to standard
error. With port 0 it looks for a free one; as llama.cpp wants a number, another program may take
that port first, and then the next one is tried. It serves one client at a time, until Ctrl-C or
SIGTERM, or until its standard input ends, where that is a pipe.

The protocol knows no password and no encryption, and was never hardened: whoever reaches the port
can read and change what the server computes and may take the machine over.
"""

from __future__ import annotations

import argparse
import ctypes
import ipaddress
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Sequence
from threading import Thread

try:
    import llama_cpp
except ImportError as missing:
    raise SystemExit(
        f"{sys.executable} has no llama-cpp-python ({missing}); run the server by an interpreter "
        "that has it, compiled with GGML_RPC=ON"
    ) from missing

from crossbench.api import BackendError, EngineError
from crossbench_llamacpp import endpoint, library, rpc
from crossbench_llamacpp.endpoint import Endpoint
from crossbench_llamacpp.threads import physical_cores

DEFAULT_PORT = 50052
"""llama.cpp's own."""
ATTEMPTS = 10
READY_S = 30.0
ANSWER_S = 1.0
TICK_S = 0.02
WATCH_S = 1.0
STDIN, STDOUT, STDERR = 0, 1, 2

WARNING = """\
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
WARNING: {host} can be reached from other machines, and llama.cpp's RPC protocol
asks for no password: whoever reaches the port may take this machine over. Let
only a network that you trust reach it, and never the internet.
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; 1 where serving failed."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it as SIGTERM does
    told = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)  # llama.cpp prints every client there
    try:
        host = endpoint.address(Endpoint(asked.host, asked.port)).host
        if not ipaddress.ip_address(host).is_loopback:
            os.write(STDERR, WARNING.format(host=asked.host).encode())
        where, server = _start(host, asked.port, asked.threads)
    except BackendError as error:
        os.write(STDERR, f"{error}\n".encode())
        return 1
    os.write(told, f"{where}\n".encode())
    _wait(server)
    return int(not server.is_alive())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crossbench_llamacpp.rpc_server",
        description="Lend this machine's GPUs, or else its CPU, to a llama.cpp elsewhere. "
        "Whoever reaches the port may take the machine over: trusted networks only.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"TCP port; 0 a free one ({DEFAULT_PORT})"
    )
    parser.add_argument(
        "--threads", type=int, default=physical_cores(), help="CPU threads (physical cores)"
    )
    return parser


def _start(host: str, port: int, threads: int) -> tuple[Endpoint, Thread]:
    """A server that answers. Raises EngineError, or Unsupported in a build without RPC."""
    llama_cpp.llama_backend_init()
    serve = rpc.function(
        "ggml_backend_rpc_start_server",
        None,
        *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p),
    )
    known = library.devices()
    offered = library.accelerators(known) or [each for each in known if each.role == "cpu"]
    handles = (ctypes.c_void_p * len(offered))(*(each.handle for each in offered))
    for _ in range(1 if port else ATTEMPTS):
        where = Endpoint(host, port or _free_port(host))
        parameters = (str(where).encode(), None, threads, len(offered), handles)
        server = Thread(target=serve, args=parameters, daemon=True)
        server.start()
        if _answers(where, server):
            return where, server
    raise EngineError(f"llama.cpp could not listen at {host}:{port}; its log says why")


def _free_port(host: str) -> int:
    with socket.socket() as taken:
        try:
            taken.bind((host, 0))
        except OSError as error:
            raise EngineError(f"cannot listen at {host}: {error.strerror}") from error
        return int(taken.getsockname()[1])


def _answers(where: Endpoint, server: Thread) -> bool:
    """Whether the server came up; False once it gave up or does not answer in time."""
    deadline = time.monotonic() + READY_S
    while server.is_alive() and time.monotonic() < deadline:
        try:
            endpoint.greet(where, ANSWER_S)
        except EngineError:
            time.sleep(TICK_S)
        else:
            return server.is_alive()
    return False


def _wait(server: Thread) -> None:
    """Return when the server gave up or standard input, if it is a pipe, was closed."""
    kind = os.fstat(STDIN).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        server.join()
        return
    while server.is_alive():
        readable, _, _ = select.select([STDIN], [], [], WATCH_S)
        if readable and not os.read(STDIN, 1 << 12):
            return


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # the server's own threads know no end
