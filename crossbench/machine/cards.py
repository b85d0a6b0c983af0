"""The one way to read the NVIDIA cards: a process that asks their driver, within bounds.

It is started when something is first asked, and only where the driver's library is. Once it hangs
or dies it is given up: whatever is asked from then on has the same reason at once.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import TypeVar

import msgspec

from crossbench.machine.card_reader import Question
from crossbench.machine.nvidia_model import Nvidia
from crossbench.machine.nvml import NO_DRIVER
from crossbench.machine.reading import Reading
from crossbench.machine.visible import VARIABLE

T = TypeVar("T")
LIBRARY = "libnvidia-ml.so.1"
ANSWER_S = 15.0
"""A driver that was not in use may take a second or two a card to wake."""
LEAVE_S = 2.0
AT_ONCE = 1 << 16


class Unanswered(Exception):
    """Nothing was told; the message is why."""


class Cards:
    """The process that asks the driver."""

    def __init__(self) -> None:
        self._process: Popen[bytes] | None = None
        self._lost: str | None = None

    def ask(self, question: Question, kind: type[T]) -> T:
        """The answer, within ANSWER_S. Raises Unanswered."""
        if self._lost is not None:
            raise Unanswered(self._lost)
        if not _installed():
            raise Unanswered(NO_DRIVER)
        try:
            self._process = self._process or _started()
            return msgspec.json.decode(self._line(self._process, question), type=kind)
        except TimeoutError:
            raise self._given_up(
                f"the NVIDIA driver did not answer within {ANSWER_S:g} s: it hangs; sudo dmesg "
                "may say why, and starting the machine again helps"
            ) from None
        except (OSError, EOFError, msgspec.DecodeError):
            raise self._given_up(
                "the process that asks the NVIDIA driver broke off, as where the driver does"
            ) from None
        except BaseException:  # after a Ctrl-C its answer would be taken for the next question's
            self._forget()
            raise

    def close(self) -> None:
        """End the process, if there is one; what is asked afterwards starts another."""
        process, self._process, self._lost = self._process, None, None
        if process is None:
            return
        _shut(process)
        with suppress(TimeoutExpired):
            process.wait(LEAVE_S)
            return
        _kill(process)

    def _line(self, process: Popen[bytes], question: Question) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(question) + b"\n")
        deadline, told = time.monotonic() + ANSWER_S, b""
        while not told.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
                raise TimeoutError
            part = os.read(process.stdout.fileno(), AT_ONCE)
            if not part:
                raise EOFError
            told += part
        return told

    def _given_up(self, reason: str) -> Unanswered:
        self._forget()
        self._lost = reason
        return Unanswered(reason)

    def _forget(self) -> None:
        """Kill the process, if there is one, whatever it was doing."""
        process, self._process = self._process, None
        if process is not None:
            _shut(process)
            _kill(process)


_cards = Cards()
atexit.register(_cards.close)


def observe(*, wsl: bool, environ: Mapping[str, str]) -> Reading[Nvidia]:
    """Every device that CUDA would show a process of this environment."""
    question = Question(what="devices", wsl=wsl, shown=environ.get(VARIABLE))
    try:
        return _cards.ask(question, Reading[Nvidia])
    except Unanswered as error:
        return Reading(reason=str(error))


def used_bytes() -> Mapping[str, int]:
    """Device UUID -> bytes in use now; empty where nothing is told."""
    try:
        return _cards.ask(Question(what="used"), dict[str, int])
    except Unanswered:
        return {}


def computing(*, wsl: bool, environ: Mapping[str, str] = os.environ) -> Reading[frozenset[int]]:
    """Ids of the processes that compute now on the devices of `observe`, or why that is untold."""
    question = Question(what="computing", wsl=wsl, shown=environ.get(VARIABLE))
    try:
        return _cards.ask(question, Reading[frozenset[int]])
    except Unanswered as error:
        return Reading(reason=str(error))


def celsius() -> tuple[int, ...]:
    """How hot each device is now that tells."""
    try:
        return _cards.ask(Question(what="celsius"), tuple[int, ...])
    except Unanswered:
        return ()


def close() -> None:
    """End the process that asks, if there is one."""
    _cards.close()


def _shut(process: Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(OSError):
            pipe.close()


def _kill(process: Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    with suppress(TimeoutExpired):  # a call of a driver may hold even a killed process
        process.wait(LEAVE_S)


def _installed() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _started() -> Popen[bytes]:
    """Raises OSError where no process can be started."""
    return Popen(
        [sys.executable, "-P", "-m", "crossbench.machine.card_reader", str(os.getpid())],
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        bufsize=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # a Ctrl-C is the host's to handle
    )
