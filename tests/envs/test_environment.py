from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

import crossbench
from crossbench.api import Applies, BackendSpec, EnvSpec
from crossbench.envs import store, uv
from crossbench.envs.environment import Environment, check_named, find, requiring, resolve
from crossbench.errors import EnvironmentFailure, InputError
from tests.envs.conftest import ENGINE, Told, backend
from tests.envs.packages import add_source, add_wheel

SPEC = backend(cpu=ENGINE)
RESOLVE = """
from tests.envs.conftest import Told, backend, ENGINE
from crossbench.envs.environment import resolve
told = Told()
told.line = lambda text: print(text, flush=True)
resolve(backend(cpu=ENGINE), variant=None, python=None, progress=told, deadline_s=60)
print("how it ended:", told.ends, flush=True)
"""


def make(spec: BackendSpec, told: Told, variant: str | None = None) -> Environment:
    return resolve(spec, variant=variant, python=None, progress=told, deadline_s=60)


def in_worker(environment: Environment, code: str) -> str:
    """What the code prints when it runs as a worker would."""
    done = subprocess.run(
        [str(environment.python), "-P", "-c", code],
        env={"PYTHONPATH": os.pathsep.join(environment.pythonpath)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def another() -> subprocess.Popen[str]:
    """The same resolution in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", RESOLVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(crossbench.__file__).parents[1],
    )


def wait_for_backend(trace: Path) -> int:
    """The pid of the running build backend."""
    until = time.monotonic() + 20
    while not (text := trace.read_text()):
        assert time.monotonic() < until, "the build did not start"
        time.sleep(0.02)
    return int(text.split()[0])


def assert_gone(pid: int) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")


@pytest.mark.usefixtures("trace")
def test_a_wheel_is_preferred_to_a_build(links: Path, trace: Path, told: Told) -> None:
    add_source(links, "tinyengine", "1.0")
    add_wheel(links, "tinyengine", "1.0")

    environment = make(SPEC, told)

    assert environment.how == "wheel"
    assert environment.versions["tinyengine"] == "1.0"
    assert in_worker(environment, "import tinyengine; print(tinyengine.SETTINGS)") == "prebuilt"
    assert trace.read_text() == ""
    assert "from prebuilt wheels" in told.ends[0]


def test_without_a_wheel_it_is_built_and_its_steps_are_shown(links: Path, told: Told) -> None:
    add_source(links, "tinyengine", "1.0")

    environment = make(SPEC, told)

    assert environment.how == "build"
    assert not [line for line in told.lines if line.startswith(("error", "hint"))]
    assert told.steps == [(1, 3), (2, 3), (3, 3)]
    assert told.starts[0].startswith("building the environment of tiny (cpu) in ")
    assert "[2/3] Building" in (environment.python.parents[2] / store.LOG).read_text()


def test_it_is_reused_without_starting_uv(
    links: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(links, "tinyengine", "1.0")
    assert find(SPEC, None, None) is None
    first = make(SPEC, told)
    record = first.python.parents[2] / store.RECORD
    before = record.stat()

    def no_uv() -> str:
        pytest.fail("uv was called")

    monkeypatch.setattr(uv, "binary", no_uv)
    again = Told()
    assert make(SPEC, again) == first
    assert find(SPEC, None, None) == first
    after = record.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert again.starts == again.lines == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(EnvSpec(requirements=("tinyengine==1.1",)), id="requirements"),
        pytest.param(
            EnvSpec(requirements=ENGINE.requirements, overrides=("other==2",)),
            id="overrides",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            EnvSpec(requirements=ENGINE.requirements, build_settings={"tinyengine": {"a": "1"}}),
            id="build settings",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            EnvSpec(requirements=ENGINE.requirements, python=">=3.10"),
            id="python",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_is_rebuilt_when_an_input_changes(links: Path, told: Told, changed: EnvSpec) -> None:
    for version in ("1.0", "1.1"):
        add_wheel(links, "tinyengine", version)
    add_source(links, "tinyengine", "1.0")
    first = make(SPEC, told)

    second = make(backend(cpu=changed), told)

    assert second.key != first.key
    assert second.python != first.python
    assert find(SPEC, None, None) == first


def test_what_is_no_input_of_the_engine_rebuilds_nothing(links: Path, told: Told) -> None:
    add_wheel(links, "tinyengine", "1.0")
    first = make(SPEC, told)

    same = EnvSpec(requirements=ENGINE.requirements, build_tools=("c++",), applies=Applies())
    assert find(backend(cpu=same), None, None) == first


@pytest.mark.slow
def test_settings_reach_the_backend_and_are_not_mixed_up_by_caches(
    links: Path, trace: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMAKE_ARGS", "-DLEAKED=ON")
    add_source(links, "tinyengine", "1.0")
    add_wheel(links, "tinyengine", "1.0")

    def variant(value: str) -> EnvSpec:
        settings = {"tinyengine": {"cmake.define.X": value}}
        return EnvSpec(requirements=ENGINE.requirements, build_settings=settings)

    spec = backend(cpu=ENGINE, on=variant("ON"), off=variant("OFF"))
    code = "import tinyengine; print(tinyengine.SETTINGS)"
    seen = {name: in_worker(make(spec, told, name), code) for name in spec.environments}

    on, off = "{'cmake.define.X': 'ON'}", "{'cmake.define.X': 'OFF'}"
    assert seen == {"cpu": "prebuilt", "on": on, "off": off}
    assert [line.split()[1] for line in trace.read_text().splitlines()] == ["None", "None"]


@pytest.mark.slow
def test_a_wheel_serves_in_spite_of_settings_where_the_backend_says_so(
    links: Path, told: Told
) -> None:
    settings = {"tinyengine": {"a": "1"}}
    engine = EnvSpec(requirements=ENGINE.requirements, build_settings=settings, wheels_serve=True)
    add_source(links, "tinyengine", "1.0")
    assert make(backend(cpu=engine), told).how == "build"
    add_wheel(links, "tinyengine", "1.0")
    assert make(backend(other=engine), told).how == "wheel"


@pytest.mark.slow
def test_an_equal_build_of_another_store_comes_from_uvs_cache(
    links: Path, trace: Path, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_source(links, "tinyengine", "1.0")
    settings = {"tinyengine": {"a": "1"}}
    spec = backend(cpu=EnvSpec(requirements=ENGINE.requirements, build_settings=settings))
    make(spec, told)
    monkeypatch.setenv("CROSSBENCH_ENVS", str(tmp_path / "elsewhere"))

    make(spec, told)

    assert len(trace.read_text().splitlines()) == 1


def test_an_override_replaces_what_a_dependency_asks_for(links: Path, told: Told) -> None:
    add_wheel(links, "tinyengine", "1.0", needs="nowhere==9")
    override = 'nowhere ; sys_platform == "never"'

    environment = make(
        backend(cpu=EnvSpec(requirements=ENGINE.requirements, overrides=(override,))), told
    )

    assert "nowhere" not in environment.versions


def test_the_settings_of_a_project_around_the_user_do_not_leak_in(
    links: Path, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(links, "tinyengine", "1.0")
    monkeypatch.delenv("UV_NO_CONFIG")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\n'
        '[tool.uv]\noverride-dependencies = ["tinyengine==7"]\n'
    )
    monkeypatch.chdir(project)

    assert make(SPEC, told).versions["tinyengine"] == "1.0"


@pytest.mark.slow
def test_a_killed_build_is_built_again(links: Path, trace: Path, told: Told) -> None:
    add_source(links, "tinyengine", "1.0", seconds=30)
    killed = another()
    backend_pid = wait_for_backend(trace)
    killed.kill()
    killed.communicate()
    os.killpg(os.getpgid(backend_pid), signal.SIGKILL)
    (left,) = store.stored()
    assert left.record is None
    assert find(SPEC, None, None) is None

    add_wheel(links, "tinyengine", "1.0")
    environment = make(SPEC, told)

    assert environment.python.parents[2] == left.folder
    assert environment.how == "wheel"


@pytest.mark.parametrize("damage", ["record cut short", "no interpreter"])
def test_a_damaged_environment_is_built_again(links: Path, told: Told, damage: str) -> None:
    add_wheel(links, "tinyengine", "1.0")
    first = make(SPEC, told)
    record = first.python.parents[2] / store.RECORD
    if damage == "no interpreter":
        first.python.unlink()
    else:
        record.write_bytes(record.read_bytes()[:50])
    assert find(SPEC, None, None) is None

    assert make(SPEC, told) == first
    assert len(told.starts) == 2


@pytest.mark.slow
def test_an_interrupt_ends_the_compiler_too(links: Path, trace: Path) -> None:
    add_source(links, "tinyengine", "1.0", seconds=60)
    process = another()
    backend_pid = wait_for_backend(trace)

    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)

    assert "KeyboardInterrupt" in output
    assert_gone(backend_pid)


@pytest.mark.slow
def test_a_build_is_ended_at_its_deadline(links: Path, trace: Path, told: Told) -> None:
    add_source(links, "tinyengine", "1.0", seconds=60)

    with pytest.raises(EnvironmentFailure, match=r"tiny \(cpu\) took longer .* raise `build_s`"):
        resolve(SPEC, variant=None, python=None, progress=told, deadline_s=3)

    assert_gone(wait_for_backend(trace))
    assert find(SPEC, None, None) is None


def test_a_failed_build_shows_its_last_lines_and_what_is_missing(links: Path, told: Told) -> None:
    add_source(links, "tinyengine", "1.0", fails=True)
    applies = Applies(tools=("no-such-toolkit",))
    spec = backend(
        gpu=EnvSpec(
            requirements=ENGINE.requirements, build_tools=("no-such-cc", "sh"), applies=applies
        )
    )

    with pytest.raises(EnvironmentFailure) as caught:
        make(spec, told, "gpu")

    message = str(caught.value)
    assert "building tiny (gpu) failed" in message
    assert "fatal error: tiny.h: No such file or directory" in message
    assert "does not fit the variant: not on the PATH: no-such-toolkit" in message
    assert "a build needs no-such-cc, which is not on the PATH" in message
    assert "needs sh" not in message
    assert caught.value.log is not None
    assert "fatal error: tiny.h" in caught.value.log.read_text()
    assert len(message.splitlines()) <= 22
    assert find(spec, "gpu", None) is None


def test_a_package_that_does_not_exist_is_named(links: Path, told: Told) -> None:
    with pytest.raises(EnvironmentFailure, match=r"tinyengine was not found"):
        make(SPEC, told)


@pytest.mark.slow
def test_two_processes_at_once_build_once(links: Path, trace: Path) -> None:
    add_source(links, "tinyengine", "1.0", seconds=60)
    first = another()
    wait_for_backend(trace)
    second = another()
    assert second.stdout is not None
    assert "another process is building tiny-cpu-" in second.stdout.readline()
    trace.with_name("trace.go").touch()

    outputs = [process.communicate(timeout=30)[0] for process in (first, second)]

    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert len(trace.read_text().splitlines()) == 1
    assert outputs[1] == "how it ended: []\n"


def test_building_may_be_forbidden(links: Path, told: Told) -> None:
    with pytest.raises(EnvironmentFailure, match="run `crossbench envs build tiny`"):
        resolve(SPEC, variant=None, python=None, progress=told, build=False, deadline_s=60)


def test_a_store_that_cannot_be_written_is_named(
    links: Path, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CROSSBENCH_ENVS", str(tmp_path / "file" / "envs"))

    with pytest.raises(EnvironmentFailure, match=r"cannot make the folder .*set CROSSBENCH_ENVS"):
        make(SPEC, told)


def test_a_backend_without_requirements_runs_on_the_host(links: Path) -> None:
    environment = find(backend(host=EnvSpec(requirements=())), None, None)

    assert environment is not None
    assert (environment.how, environment.python) == ("host", Path(sys.executable))
    assert environment.versions["crossbench"] == crossbench.__version__


def test_the_worker_gets_the_hosts_own_crossbench(links: Path, told: Told) -> None:
    add_wheel(links, "tinyengine", "1.0")

    environment = make(SPEC, told)

    code = "import crossbench, os; print(os.path.realpath(crossbench.__file__))"
    assert in_worker(environment, code) == str(Path(crossbench.__file__).resolve())
    assert environment.versions["crossbench"] == crossbench.__version__


class TestNamedInterpreter:
    @pytest.fixture
    def python(self, links: Path, told: Told) -> Path:
        """An environment of a user's own, which has the engine and what the worker needs."""
        add_wheel(links, "tinyengine", "1.0")
        return make(SPEC, told).python

    def test_it_is_used_as_it_is(self, python: Path) -> None:
        environment = find(SPEC, None, python)

        assert environment is not None
        assert (environment.how, environment.variant, environment.key) == ("named", "named", None)
        assert environment.python == python
        assert environment.versions["tinyengine"] == "1.0"
        assert in_worker(environment, "import crossbench, tinyengine; print(1)") == "1"

    @pytest.mark.slow
    def test_what_the_worker_needs_is_put_beside_it(self, python: Path, told: Told) -> None:
        site = next(python.parents[1].glob("lib/python*/site-packages"))
        for entry in [*site.glob("msgspec.py"), *site.glob("msgspec-*/*")]:
            entry.unlink()
        next(site.glob("msgspec-*")).rmdir()
        before = sorted(site.rglob("*"))
        assert find(SPEC, None, python) is None

        environment = resolve(SPEC, variant=None, python=python, progress=told, deadline_s=60)

        assert in_worker(environment, "import tinyengine, msgspec; print(1)") == "1"
        assert [
            path for path in sorted(site.rglob("*")) if "__pycache__" not in str(path)
        ] == before
        assert find(SPEC, None, python) == environment

    def test_an_engine_that_only_the_host_has_is_no_engine(self, python: Path) -> None:
        spec = msgspec.structs.replace(SPEC, distributions=("otherengine", "crossbench"))

        with pytest.raises(InputError, match=r"has none of otherengine; install otherengine there"):
            find(spec, None, python)

    def test_its_version_must_fit_the_variant(self, python: Path) -> None:
        spec = backend(cpu=EnvSpec(requirements=("tinyengine",), python=">=3.99"), any=ENGINE)

        assert find(spec, "any", python) is not None
        assert find(spec, None, python) is not None
        with pytest.raises(InputError, match=r"this backend needs >=3\.99"):
            find(spec, "cpu", python)


def test_requirements_of_a_target_replace_or_join_the_backends() -> None:
    spec = backend(cpu=EnvSpec(requirements=("Tiny_Engine>=1", "numpy>=2")))
    asked = requiring(spec, ["tiny-engine==1.5", "extra"])
    assert asked.environments["cpu"].requirements == ("numpy>=2", "tiny-engine==1.5", "extra")
    assert requiring(spec, ()) is spec


def test_a_users_interpreter_is_held_to_what_the_target_requires() -> None:
    own = Environment(
        backend="b",
        variant="named",
        python=Path("/python"),
        how="named",
        key=None,
        versions={"tiny-engine": "1.4"},
        pythonpath=(),
    )
    check_named(own, ["Tiny_Engine>=1"])
    check_named(msgspec.structs.replace(own, how="build"), ["tiny-engine==1.5"])
    with pytest.raises(EnvironmentFailure, match=r"tiny-engine==1\.5; /python has 1\.4"):
        check_named(own, ["tiny-engine==1.5"])
    with pytest.raises(EnvironmentFailure, match="/python has none"):
        check_named(own, ["another"])


def test_a_backends_advice_stands_in_the_failure(told: Told, links: Path) -> None:
    spec = backend(cpu=EnvSpec(requirements=("no-such-thing",), advice="ask the other index"))
    with pytest.raises(EnvironmentFailure, match="ask the other index"):
        make(spec, told)
