"""A plugin that takes its time is left behind."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from crossbench import registry
from crossbench.plugins.deadline import TooSlow, within
from crossbench.registry import Registry


def test_what_is_quick_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with within(60):
        pass
    assert signal.getsignal(signal.SIGALRM) is before


def test_what_is_slow_is_broken_off_whatever_it_catches() -> None:
    began = time.monotonic()
    with pytest.raises(TooSlow):
        swallow_everything()
    assert time.monotonic() - began < 30


def swallow_everything() -> None:
    with within(0.05):
        while True:
            try:
                time.sleep(60)
            except Exception:  # noqa: BLE001 - what a stranger may do
                continue


def test_who_catches_even_the_end_of_time_meets_it_again() -> None:
    with pytest.raises(TooSlow):
        swallow_the_end_of_time(3)


def swallow_the_end_of_time(times: int) -> None:
    with within(0.05):
        for _ in range(times):
            with suppress(TooSlow):
                time.sleep(60)
        time.sleep(60)


def test_a_timer_that_ran_before_runs_on() -> None:
    signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        with within(10):
            pass
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 10 < left <= 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_another_thread_is_not_bounded() -> None:
    done = []

    def work() -> None:
        with within(0.01):
            time.sleep(0.1)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ("import", "import time\ntime.sleep(60)\n"),
        (
            "call",
            "import time\nfrom crossbench.hookspecs import hookimpl\n@hookimpl\n"
            "def crossbench_backends():\n    time.sleep(60)\n    return []\n",
        ),
    ],
)
def test_a_plugin_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, code: str
) -> None:
    (tmp_path / f"slow_{stage}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "PATIENCE_S", 0.2)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    found = Registry([EntryPoint("slow", f"slow_{stage}", "crossbench.v1")])
    (problem,) = found.problems
    assert problem.stage == stage
    assert "no answer within 0.2 s" in problem.cause
