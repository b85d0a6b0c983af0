"""Tiny packages that the tests make themselves, so that real builds need no network."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "{version}"
"""

# A PEP 517 backend that compiles nothing: it prints what ninja prints, leaves its pid and the
# CMAKE_ARGS it saw in $TINY_TRACE, waits some seconds or for the file $TINY_TRACE.go, and records
# its settings in the wheel.
BACKEND = """\
import json, os, sys, time, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open(os.environ["TINY_TRACE"], "a") as trace:
        print(os.getpid(), os.environ.get("CMAKE_ARGS"), file=trace)
    for step in range(1, 4):
        print(f"[{{step}}/3] Building CXX object {name}.o", flush=True)
    until = time.monotonic() + {seconds}
    while time.monotonic() < until and not os.path.exists(os.environ["TINY_TRACE"] + ".go"):
        time.sleep(0.02)
    if {fails}:
        sys.exit("fatal error: tiny.h: No such file or directory")
    wheel = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w") as archive:
        for name, text in {files}.items():
            archive.writestr(name, text.replace("@SETTINGS@", json.dumps(config_settings or {{}})))
    return wheel
"""


def _files(name: str, version: str, needs: str) -> dict[str, str]:
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    return {
        f"{name}.py": "SETTINGS = @SETTINGS@\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }


def add_wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in _files(name, version, needs).items():
            archive.writestr(file, text.replace("@SETTINGS@", "'prebuilt'"))


def add_source(
    folder: Path, name: str, version: str, *, seconds: float = 0, fails: bool = False
) -> None:
    files = {
        "pyproject.toml": PROJECT.format(name=name, version=version),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "backend.py": BACKEND.format(
            name=name,
            version=version,
            seconds=seconds,
            fails=fails,
            files=_files(name, version, ""),
        ),
    }
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
