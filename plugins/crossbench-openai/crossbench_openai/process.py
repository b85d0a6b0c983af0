"""A server of our own: started for one target, ready when it says so, ended with its children."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from crossbench.api import EngineError
from crossbench_openai.connection import Connection
from crossbench_openai.keeper import GONE_S, GRACE_S
from crossbench_openai.options import OWN_URL, OpenAIOptions

KEEPER = Path(__file__).with_name("keeper.py")
STEP_S = 0.1
LOG = "its own words are in this launch's log"


class ServerProcess:
    """A running server and its keeper. What it prints goes where this process's output goes."""

    def __init__(self, options: OpenAIOptions, artifact: str) -> None:
        """Start it. Raises EngineError where something answers at its address already."""
        port = _free_port() if options.base_url is None else _port(options.base_url)
        self.base_url = options.base_url or OWN_URL.replace("{port}", str(port))
        self._options = options
        if _taken(self.base_url):
            raise EngineError(
                f"something answers at {self.base_url} already; drop command to use it, or drop "
                "base_url to have a free port"
            )
        filled = {"{port}": str(port), "{artifact}": artifact, "{python}": sys.executable}
        self._command = [_filled(word, filled) for word in options.command]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER), *self._command],
            stdin=subprocess.PIPE,
            env=_environ(options.environ),
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._keeper.poll() is None

    async def ready(self, connection: Connection) -> None:
        """Wait until its health page says so. Raises EngineError with what happened instead."""
        patience = self._options.start_timeout_s
        try:
            async with asyncio.timeout(patience):
                while not await self._answers(connection):
                    if not self.running:
                        raise EngineError(self._ended())
                    await asyncio.sleep(STEP_S)
        except TimeoutError as error:
            raise EngineError(
                f"the server that command starts was not ready after {patience:g} s "
                f"(start_timeout_s); {LOG}"
            ) from error

    async def end(self) -> None:
        """End it with all it started. A second call does nothing."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        for _ in range(int((GRACE_S + 2 * GONE_S) / STEP_S)):
            if not self.running:
                return
            await asyncio.sleep(STEP_S)
        self._keeper.kill()

    async def _answers(self, connection: Connection) -> bool:
        healthy = await connection.healthy(self._options.health)
        if healthy is None:  # it has no such page
            healthy = await connection.healthy("models")
        return bool(healthy)

    def _ended(self) -> str:
        return (
            f"the server that command starts ({self._command[0]}) ended with exit code "
            f"{self._keeper.returncode} before it was ready; {LOG}"
        )


def _filled(word: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def _environ(more: Mapping[str, str]) -> Mapping[str, str]:
    """Ours without what leads Python to this worker's packages, and what the suite sets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _taken(url: str) -> bool:
    try:
        socket.create_connection((urlsplit(url).hostname or "", _port(url)), timeout=1).close()
    except OSError:
        return False
    return True
