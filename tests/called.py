"""The command line called in the tests' own process: what it says, without the time of a start."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import pytest

from crossbench.cli import INTERRUPTS, main


def call_crossbench(folder: Path, *arguments: object) -> CompletedProcess[str]:
    """Run the command line in a folder, as its console script does.

    What a command changes for the rest of its process is put back. How it starts, what signals do
    to it and an error's traceback are to be seen in a process alone.
    """
    words = ["crossbench", *map(str, arguments)]
    out, err = StringIO(), StringIO()
    with ExitStack() as changed:
        for number in INTERRUPTS:
            changed.callback(signal.signal, number, signal.getsignal(number))
        changed.callback(gc.enable)
        changed.enter_context(mock.patch.dict(os.environ, COLUMNS="80"))
        changed.enter_context(mock.patch.object(sys, "argv", words))
        changed.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        changed.enter_context(redirect_stdout(out))
        changed.enter_context(redirect_stderr(err))
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert isinstance(code, int)
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())
