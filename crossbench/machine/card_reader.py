"""`python -m crossbench.machine.card_reader PARENT`: answers what `cards` asks of the driver.

One question a line on standard input, one answer a line on what was standard output; both JSON. It
is a process of its own because a driver's call may never return, and goes with whoever asks.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Literal, TypeAlias

import msgspec
import pynvml
from msgspec import Struct

from crossbench.machine import nvidia
from crossbench.machine.orphan import leave_with
from crossbench.machine.visible import VARIABLE

What: TypeAlias = Literal["devices", "used", "computing", "celsius"]


class Question(Struct, frozen=True, kw_only=True):
    """What is to be read now."""

    what: What
    wsl: bool = False
    shown: str | None = None
    """CUDA_VISIBLE_DEVICES of whoever asks; None where it is not set."""


def answer(question: Question) -> Any:
    """By the functions of `nvidia`."""
    environ = {} if question.shown is None else {VARIABLE: question.shown}
    match question.what:
        case "devices":
            return nvidia.observe(wsl=question.wsl, environ=environ)
        case "used":
            return nvidia.used_bytes()
        case "computing":
            return nvidia.computing(wsl=question.wsl, environ=environ)
        case "celsius":
            return nvidia.celsius()


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end.

    The library stays in use meanwhile: where the driver goes with its last user, opening it takes
    a second or more.
    """
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
    for line in questions:
        told = answer(msgspec.json.decode(line, type=Question))
        answers.write(msgspec.json.encode(told) + b"\n")
        answers.flush()


if __name__ == "__main__":
    leave_with(int(sys.argv[1]))
    mine = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # no word of a library is an answer
    serve(sys.stdin.buffer, mine)
