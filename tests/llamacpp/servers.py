"""RPC servers on loopback, started as a user starts them."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Mapping
from pathlib import Path

READY_S = 30.0
EXIT_S = 10.0
NO_RPC = "has no RPC backend"


class RpcServer:
    """One `python -m crossbench_llamacpp.rpc_server` with one thread, ended by its own pid."""

    def __init__(
        self, python: Path, environ: Mapping[str, str], log: Path, *arguments: str
    ) -> None:
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [python, "-m", "crossbench_llamacpp.rpc_server", "--threads", "1", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env=dict(environ),
            )
        self._log = log
        self.endpoint = ""

    def wait_for_endpoint(self) -> str | None:
        """What it prints once it answers; None where it ended without a word."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(READY_S), "the server said nothing"
        self.endpoint = os.read(self.process.stdout.fileno(), 100).decode().strip()
        return self.endpoint or None

    def said(self) -> str:
        """All it logged."""
        return self._log.read_text(errors="replace")

    def exit_code(self) -> int:
        """How it ended by itself, within a bounded time."""
        return self.process.wait(EXIT_S)

    def end(self) -> None:
        """End it, if it still runs."""
        self.process.kill()
        self.process.wait(EXIT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
