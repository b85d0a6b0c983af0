"""Building an environment with uv: prebuilt wheels where they serve, else a build from source."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from msgspec import Struct

from crossbench.envs import interpreter, store, uv
from crossbench.envs.progress import Progress, Transcript
from crossbench.envs.store import Inputs, Record
from crossbench.envs.variant import search_path
from crossbench.errors import EnvironmentFailure

WHEELS = ("--only-binary", ":all:")
APT = {
    "c++": "build-essential",
    "g++": "build-essential",
    "cc": "build-essential",
    "gcc": "build-essential",
    "make": "build-essential",
    "nvcc": "nvidia-cuda-toolkit",
}
"""Program -> Debian package, where the names differ."""
XCODE = ("c++", "cc", "clang", "clang++", "g++", "gcc", "git", "make")


class Order(Struct, frozen=True, kw_only=True):
    """One environment to build."""

    inputs: Inputs
    python: Path
    """The interpreter it is made from."""
    build_tools: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    """What speaks against this variant on this machine, said when it fails."""
    nearly: tuple[str, ...] = ()
    """Better variants that only lack a program, said when it starts."""
    advice: str = ""
    """The backend's own, said when it fails."""

    @property
    def title(self) -> str:
        """What a user calls it."""
        return f"{self.inputs.backend} ({self.inputs.variant})"


def build(order: Order, progress: Progress, deadline: float) -> Record:
    """Build the environment in its folder, and declare it finished.

    The caller holds the folder's lock; what an interrupted build left there is removed first.
    `deadline` is a value of `time.monotonic`. Raises EnvironmentFailure with the last lines of
    `build.log`, which keeps everything that uv and the build backends said.
    """
    folder = order.inputs.folder
    store.wipe(folder)
    store.make_folder(folder)
    began = time.monotonic()
    with (folder / store.LOG).open("w", encoding="utf-8") as log:
        try:
            how = _install(order, progress, log, deadline)
        except TimeoutError:
            spent = time.monotonic() - began
            raise EnvironmentFailure(
                f"building {order.title} took longer than its deadline allows and was ended "
                f"after {spent:.0f} s; raise `build_s` of [protocol.deadlines]",
                folder / store.LOG,
            ) from None
    record = Record(
        inputs=order.inputs,
        key=order.inputs.key,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        how=how,
        versions=interpreter.ask(store.interpreter(folder)).versions,
    )
    store.write(folder, record)
    return record


def _install(
    order: Order, progress: Progress, log: IO[str], deadline: float
) -> Literal["wheel", "build"]:
    """Wheels alone where they serve, else a build with the settings asked for."""
    folder = order.inputs.folder
    transcript = Transcript(progress)

    def step(*arguments: str, shown: bool = True) -> bool:
        def on_line(line: str) -> None:
            log.write(line + "\n")
            log.flush()
            if shown:
                transcript.read(line)

        log.write(f"$ uv {' '.join(arguments)}\n")
        return uv.run(arguments, project=folder, on_line=on_line, deadline=deadline) == 0

    venv = str(folder / store.VENV)
    if not step("venv", "-q", "--no-project", "--python", str(order.python), venv):
        raise _failure(order, transcript)
    target = str(store.interpreter(folder))
    install = ["pip", "install", "-v", "--python", target, *_overrides(order)]
    install += order.inputs.requirements
    settings = order.inputs.build_settings
    acceptable = not settings or order.inputs.wheels_serve
    wheels = acceptable and step(*install, *WHEELS, "--dry-run", shown=False)
    if not wheels:
        reason = "no prebuilt wheels serve" if acceptable else "no wheel would have its settings"
        progress.line(f"building from source: {reason}")
    if not step(*install, *(WHEELS if wheels else _setting_arguments(settings))):
        raise _failure(order, transcript)
    return "wheel" if wheels else "build"


def _overrides(order: Order) -> Sequence[str]:
    if not order.inputs.overrides:
        return ()
    file = order.inputs.folder / "overrides.txt"
    file.write_text("\n".join(order.inputs.overrides) + "\n", encoding="utf-8")
    return ("--overrides", str(file))


def _setting_arguments(settings: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """uv keys its cache of built wheels by these, but not by variables such as CMAKE_ARGS."""
    for package, values in settings.items():
        yield from ("--no-binary", package)
        for key, value in values.items():
            yield from ("--config-settings-package", f"{package}:{key}={value}")


def _failure(order: Order, transcript: Transcript) -> EnvironmentFailure:
    path = search_path(os.environ)
    missing = [tool for tool in order.build_tools if not shutil.which(tool, path=path)]
    parts = [f"building {order.title} failed; the last lines:", *transcript.tail]
    if order.against:
        parts.append(f"(this machine does not fit the variant: {'; '.join(order.against)})")
    parts += [advice(tool, sys.platform) for tool in missing]
    if order.advice:
        parts.append(order.advice)
    log = order.inputs.folder / store.LOG
    return EnvironmentFailure("\n".join([*parts, f"the whole log: {log}"]), log)


def advice(tool: str, platform: str) -> str:
    """What to do about a missing program, on `sys.platform`'s platform."""
    if platform == "darwin":
        how = "xcode-select --install" if tool in XCODE else f"brew install {tool}"
    else:
        how = f"apt install {APT.get(tool, tool)} (or your distribution's package of it)"
    return f"a build needs {tool}, which is not on the PATH: {how}"
