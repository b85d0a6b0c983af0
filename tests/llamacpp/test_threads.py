"""The default number of CPU threads is one a physical core."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossbench_llamacpp import threads


def test_this_machine_has_at_least_one_core_and_at_most_one_a_thread() -> None:
    assert 1 <= threads.physical_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux tells of sibling threads")
def test_sibling_threads_count_once_and_only_where_the_process_may_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cpu, siblings in enumerate(["5", "a", "5", "a", "10"]):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings").write_text(siblings)
    monkeypatch.setattr(threads, "TOPOLOGY", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert threads.physical_cores() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7})
    assert threads.physical_cores() == os.cpu_count()
