from __future__ import annotations

import pytest

from crossbench.envs.progress import Transcript, compile_step, shortened
from tests.envs.conftest import Told

BUILD = """\
DEBUG uv 0.13.9
Resolved 1 package in 1ms
DEBUG Selecting: tiny==1.0
   Building tiny==1.0
DEBUG Calling `backend.build_wheel("x", {}, None)`
DEBUG [1/2] Building C object a.o
DEBUG fatal error: a.h
"""
SUCCESS = """\
DEBUG Built `tiny==1.0` into `tiny.whl`
DEBUG Rewriting `RECORD`
 + tiny==1.0
"""
FAILURE = """\
error: Failed to build `tiny==1.0`
  cause: Call to `backend.build_wheel` failed (exit status: 1)

         [stdout]
         [1/2] Building C object a.o

         [stderr]
         fatal error: a.h

hint: Build failures usually indicate a problem
"""


def read(text: str) -> Told:
    told = Told()
    transcript = Transcript(told)
    for line in text.splitlines():
        transcript.read(line)
    return told


def test_backends_lines_are_shown_and_uvs_debug_lines_are_not() -> None:
    told = read(BUILD + SUCCESS)

    assert told.lines == [
        "Resolved 1 package in 1ms",
        "Building tiny==1.0",
        "[1/2] Building C object a.o",
        "fatal error: a.h",
        "+ tiny==1.0",
    ]
    assert told.steps == [(1, 2)]


def test_output_that_uv_repeats_after_a_failure_is_shown_once() -> None:
    told = read(BUILD + FAILURE)

    assert told.lines.count("fatal error: a.h") == 1
    assert told.lines[-3:] == [
        "error: Failed to build `tiny==1.0`",
        "cause: Call to `backend.build_wheel` failed (exit status: 1)",
        "hint: Build failures usually indicate a problem",
    ]


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("[12/340] Building CXX object x.o", (12, 340)),
        ("[ 12%] Building CXX object x.o", (12, 100)),
        ("[100%] Built target x", (100, 100)),
        ("see [12/340]", None),
        ("[stderr]", None),
    ],
)
def test_compile_steps_are_read_from_ninja_and_make(
    line: str, step: tuple[int, int] | None
) -> None:
    assert compile_step(line) == step


def test_long_compiler_commands_become_the_file_they_compile() -> None:
    options = " ".join(f"-DOPTION_{number}" for number in range(20))

    assert shortened(f"[4/193] gcc {options} -o a.dir/ggml.c.o -c /s/ggml.c") == "[4/193] ggml.c"
    assert shortened("[4/193] Linking CXX library") == "[4/193] Linking CXX library"
