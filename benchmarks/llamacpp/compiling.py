"""Compiling the C loop, and llama.cpp's own benchmarks, against the environment's libraries.

    python -m benchmarks.llamacpp.compiling llama-bench SOURCE PROGRAM [--python PATH]

compiles llama-bench (or llama-batched-bench) alone from llama.cpp's source tree, whose other parts
the environment has.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.llamacpp.engine import BACKEND, packages

LOOP = Path(__file__).with_name("loop.c")
TOOLS = {"llama-bench": "llama-bench", "llama-batched-bench": "batched-bench"}
"""Program -> its folder in `tools`, after which its source file is named."""


def loop(engine: Engine, program: Path, *flags: str, source: Path = LOOP) -> None:
    """Compile a C loop with $CC (cc by default)."""
    installed = packages(engine)
    libraries = installed / "llama_cpp" / "lib"
    command = [*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-O3", *flags, str(source)]
    _run([*command, *_against(installed, libraries), "-o", str(program)])


def tool(what: str, engine: Engine, source: Path, program: Path) -> None:
    """Compile one of `TOOLS` with $CXX (c++ by default); `source` is llama.cpp's own folder."""
    installed, name = packages(engine), TOOLS[what]
    folders = (f"tools/{name}", "common", "vendor", "include", "ggml/include", "src")
    command = [*shlex.split(os.environ.get("CXX", "c++")), "-std=c++17", "-O3", "-DNDEBUG"]
    command += [str(source / folders[0] / file) for file in (f"{name}.cpp", "main.cpp")]
    command += [f"-I{source / folder}" for folder in folders]
    linked = _against(installed, installed / "lib")
    _run([*command, "-pthread", linked[0], "-lllama-common", *linked[1:], "-o", str(program)])


def _against(installed: Path, libraries: Path) -> list[str]:
    if not (installed / "include" / "llama.h").is_file():
        raise SystemExit(f"{installed} has no include/llama.h; llama-cpp-python installs it there")
    names = ("llama", "ggml", "ggml-base")
    # On Linux a library that only another one needs would be left out, and then not be found.
    every = ["-Wl,--no-as-needed"] if sys.platform == "linux" else []
    return [
        f"-L{libraries}",
        f"-I{installed / 'include'}",
        f"-Wl,-rpath,{libraries}",
        *every,
        *(f"-l{name}" for name in names),
    ]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{shlex.join(command)}\nfailed: {error}") from error


def main() -> None:
    """Compile one of llama.cpp's benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=TOOLS)
    parser.add_argument("source", type=Path, help="llama.cpp's source tree, of the same version")
    parser.add_argument("program", type=Path, help="where the program goes")
    parser.add_argument("--python", type=Path, help="an interpreter that has llama-cpp-python")
    chosen = parser.parse_args()
    tool(chosen.what, Engine.find(BACKEND, chosen.python), chosen.source, chosen.program)


if __name__ == "__main__":
    main()
