"""A launch that is interrupted at its edges."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossbench.envs.environment import Environment
from crossbench.journal.events import Event, LaunchEnded
from crossbench.machine.drain import Drain
from crossbench.machine.recorder import Unrecorded
from crossbench.places.placement import Place, Room
from crossbench.run import launch
from crossbench.run.replicas import Workers
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.group import members
from crossbench.worker.supervisor import WorkerProcess


@pytest.mark.usefixtures("no_process_left")
@pytest.mark.parametrize("step", ["watch", "memory"])
def test_an_interrupt_at_the_edge_of_a_launch_leaves_no_worker(
    null: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    recorder = Unrecorded()
    worker = WorkerProcess(
        python=null.python,
        environ=launch.environ(null),
        log=tmp_path / "log",
        deadlines=Deadlines(),
    )
    monkeypatch.setattr(launch, "seats", lambda *_: ((Place(),), Room()))
    monkeypatch.setattr(launch, "_workers", lambda *_: Workers([worker]))
    monkeypatch.setattr({"watch": recorder, "memory": launch}[step], step, interrupted)
    told: list[Event] = []
    bench: Any = SimpleNamespace(
        plan=None, watcher=None, recorder=recorder, drain=Drain(), write=told.append
    )
    planned: Any = SimpleNamespace(id="b1-one", target="one", block=1, purpose="timed")
    with pytest.raises(KeyboardInterrupt), launch.launched(bench, planned, "b1-one"):
        pass
    assert not members(worker.pid)
    assert isinstance(told[-1], LaunchEnded)
    assert told[-1].stage == "killed"
