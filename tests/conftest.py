"""What many tests share: the tiny model, the null engine's environment, suites on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.worker.group import members
from tests.called import call_crossbench

if TYPE_CHECKING:
    from tests.vllm.conftest import Worker

ROOT = Path(__file__).parents[1]
TINY = ROOT / "suites" / "models" / "tiny"

# Started in the background by a shell, pytest would hand an ignored Ctrl-C down to all it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no reason to fail: pytest-timeout bounds each test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("brief", parent=settings.get_profile("patient"), max_examples=20)
settings.register_profile("fuzz", parent=settings.get_profile("patient"), max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))

# What the owner of this machine has set is no business of the tests.
os.environ["CROSSBENCH_MACHINE"] = str(ROOT / "tests" / "machine.toml")

SuiteWriter = Callable[..., Path]


def engine(backend: str) -> Environment:
    """The built environment of a backend; where it is missing the test is skipped, saying so.

    `make test` builds it first and sets CROSSBENCH_REQUIRE_ENGINES, so there it is a failure.
    """
    named = os.environ.get(f"CROSSBENCH_TEST_{backend.upper()}_PYTHON")
    found = environment.find(Registry().backend(backend).spec, None, Path(named) if named else None)
    if found is None:
        reason = f"no environment of {backend}: crossbench envs build {backend}"
        if os.environ.get("CROSSBENCH_REQUIRE_ENGINES"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty environment store of this test's own."""
    folder = tmp_path / "envs"
    monkeypatch.setenv("CROSSBENCH_ENVS", str(folder))
    return folder


class Crossbench(Protocol):
    """The command line, ready to be called with its arguments."""

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]: ...


def run_crossbench(
    folder: Path, *arguments: object, timeout_s: float = 110
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "crossbench", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture
def crossbench(tmp_path: Path) -> Crossbench:
    """The command line, called in this process, in a folder of this test's own."""
    return partial(call_crossbench, tmp_path)


@pytest.fixture
def crossbench_process(tmp_path: Path) -> Crossbench:
    """The same in a process of its own, for what nothing else shows."""
    return partial(run_crossbench, tmp_path)


class Silent:
    """A `Progress` that nobody watches."""

    def started(self, text: str) -> None: ...
    def line(self, text: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def finished(self, text: str) -> None: ...


@pytest.fixture
def null(store: Path) -> Environment:
    """Where the null engine's worker runs."""
    return environment.resolve(
        Registry().backend("null").spec, variant=None, python=None, progress=Silent(), deadline_s=10
    )


@pytest.fixture
def suite(tmp_path: Path) -> SuiteWriter:
    """Writes a small suite of null targets: `suite(targets={"a": "ttft_s = 0.01"})`."""

    def write(
        targets: dict[str, str] | None = None,
        *,
        protocol: str = 'profile = "quick"',
        scenarios: str = '[[scenarios]]\nname = "short"\nprompt_tokens = 16\noutput_tokens = 24\n',
        name: str = "trial",
    ) -> Path:
        tables = "".join(
            f'[targets.{target}]\nbackend = "null"\nartifact = "{TINY / "config.json"}"\n'
            f"options = {{ {options} }}\n"
            for target, options in (targets or {"one": ""}).items()
        )
        path = tmp_path / f"{name}.toml"
        path.write_text(
            f'schema = 1\nname = "{name}"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n'
            f"{tables}[protocol]\n{protocol}\n{scenarios}"
        )
        return path

    return write


@pytest.fixture(scope="session")
def one_rank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """vLLM with the tiny model, one for all rooms, as half a minute goes by until it is loaded."""
    from tests.vllm.conftest import Worker

    worker = Worker(engine("vllm"), tmp_path_factory.mktemp("one-rank") / "worker.log")
    yield worker
    ending = worker.process.end()
    assert (ending.stage, ending.exit_code) == ("quit", 0)
    assert members(worker.process.pid) == []


MARK = "CROSSBENCH_TEST_MARK"
GONE_S = 10.0
"""A worker whose host was ended while it started it ends itself within this time."""


TOGETHER = {
    "tests/test_quickstart.py": "vllm",
    "tests/machine/test_energy.py": "probed run",
    "tests/machine/test_panel.py": "probed run",
    "tests/machine/test_probed_run.py": "probed run",
}
"""Files that share a dear fixture, or an engine that takes all cores, beside those of vLLM."""
QUICK = 3
"""The place in the order of a test that is neither an engine's nor slow."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist is untyped
    """The tests of a file share its fixtures; vLLM takes all cores, so one at a time is run."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "vllm" if "vllm" in file else TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """xdist's own groups are lost on pytest 9.2, which no longer lets it write into a test's id."""
    config.option.loadscopereorder = False  # by the number of tests, which says little
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left alone with one at the end: those of
    vLLM, of the other engines, of whole runs, and last the quick ones, each kind by its tests."""
    first: dict[Path, int] = {}
    for item in items:
        first[item.path] = min(_place(item), first.get(item.path, QUICK))
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (first[item.path], -count[item.path], item.path))


def _place(item: pytest.Item) -> int:
    engines = {mark.args[0] for mark in item.iter_markers("engine")}
    if engines:
        return 0 if "vllm" in engines else 1
    return 2 if item.get_closest_marker("slow") else QUICK


def marked(mark: str) -> set[int]:
    """Living processes that inherited this mark, whoever their parent is now."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inherited = wanted in (entry / "environ").read_bytes().split(b"\0")
                zombie = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if inherited and not zombie:
                found.add(int(entry.name))
    return found


@pytest.fixture
def no_process_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a process behind, however far removed."""
    if not Path("/proc/self/environ").exists():
        yield  # only Linux tells whose child a process was
        return
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    yield
    deadline = time.monotonic() + GONE_S
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"processes left: {left}"
