"""Running a child process line by line, with a deadline, and leaving nothing of it behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

GRACE_S = 5.0
LONGEST_LINE = 1 << 20


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    on_line: Callable[[str], None],
    deadline: float,
) -> int:
    """Run the command in a process group of its own and return its exit status.

    `on_line` is given each line of stdout and stderr, as they come, without the line's end.
    `deadline` is a value of `time.monotonic`. Whatever ends the wait (the deadline, an interrupt,
    an exception of `on_line`), the whole group is ended before it is passed on.

    Raises TimeoutError at the deadline, OSError when the command cannot be started.
    """
    process = subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with _ended(process):
        assert process.stdout is not None
        for line in _lines(process.stdout.fileno(), deadline):
            on_line(line)
        try:
            return process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None


def _lines(descriptor: int, deadline: float) -> Iterator[str]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not selector.select(left):
                continue
            data = os.read(descriptor, 65536)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the group when the block is left by an exception, and always close the pipe."""
    try:
        yield
    except BaseException:
        _end_group(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group, and SIGKILL to what its leader leaves behind, after 5 s at most."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
