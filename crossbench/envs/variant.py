"""Which of a backend's environment variants fits this machine."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct, structs

from crossbench.api import BackendSpec, EnvSpec
from crossbench.errors import EnvironmentFailure, InputError

SYSTEMS = {"Linux": "linux", "Darwin": "macos"}
WSL_DRIVER = "usr/lib/wsl/lib/libnvidia-ml.so.1"


class Facts(Struct, frozen=True, kw_only=True):
    """What a machine has, as far as the choice of a variant needs it."""

    platform: str
    """As in `api.Applies.platforms`, such as "linux-x86_64"."""
    cuda: bool = False
    metal: bool = False
    tools: frozenset[str] = frozenset()
    """Those of the programs asked about that are on the PATH."""


class Choice(Struct, frozen=True, kw_only=True):
    """A variant, and what a user should know about the choice."""

    name: str
    environment: EnvSpec
    against: tuple[str, ...] = ()
    """What speaks against it, where the user wanted it all the same."""
    nearly: tuple[str, ...] = ()
    """Better variants that only lack a program: "cuda: not on the PATH: nvcc"."""


def platform_name(system: str, machine: str) -> str:
    """ "linux-x86_64", "macos-arm64": the words of `api.Applies.platforms`."""
    return f"{SYSTEMS.get(system, system.lower())}-{machine.lower()}"


def observe(tools: Iterable[str]) -> Facts:
    """The facts of this machine; imports and starts nothing."""
    name = platform_name(platform.system(), platform.machine())
    return Facts(
        platform=name,
        cuda=has_cuda(Path("/"), os.environ),
        metal=name == "macos-arm64",
        tools=frozenset(tool for tool in tools if shutil.which(tool, path=search_path(os.environ))),
    )


def search_path(environ: Mapping[str, str]) -> str:
    """PATH, and after it the CUDA toolkit's folder, which its installer leaves off the PATH."""
    toolkit = environ.get("CUDA_HOME") or environ.get("CUDA_PATH") or "/usr/local/cuda"
    return os.pathsep.join([environ.get("PATH", os.defpath), str(Path(toolkit) / "bin")])


def has_cuda(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether a CUDA device can be opened, by its device node.

    `/proc/driver/nvidia` does not serve: containers see it without having the device. WSL2 has no
    node of NVIDIA's own; there the paravirtual `/dev/dxg` and the Windows driver's library stand
    for it. `CUDA_VISIBLE_DEVICES` set to nothing or -1 hides every device.
    """
    if environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    if any(root.glob("dev/nvidia[0-9]*")):
        return True
    return (root / "dev/dxg").exists() and (root / WSL_DRIVER).exists()


def objections(environment: EnvSpec, facts: Facts) -> tuple[str, ...]:
    """Why the environment does not fit the machine; empty when it does."""
    applies = environment.applies
    found = []
    if applies.platforms and facts.platform not in applies.platforms:
        found.append(f"it is made for {', '.join(applies.platforms)}, this is {facts.platform}")
    if applies.device == "cuda" and not facts.cuda:
        found.append("no CUDA device was found")
    if applies.device == "metal" and not facts.metal:
        found.append("no Metal device was found")
    missing = [tool for tool in applies.tools if tool not in facts.tools]
    if missing:
        found.append(f"not on the PATH: {', '.join(missing)}")
    return tuple(found)


def choose(spec: BackendSpec, wanted: str | None, facts: Facts) -> Choice:
    """The variant the user wants, else the first that fits the machine.

    What the user wants is taken even where the machine seems not to fit (a device can be hidden
    from this process, a platform untried); `Choice.against` then explains a failure.

    Raises InputError for an unknown variant, EnvironmentFailure when none fits.
    """
    if wanted is not None:
        environment = spec.environments.get(wanted)
        if environment is None:
            allowed = ", ".join(spec.environments)
            raise InputError(f"backend {spec.name} has no variant {wanted!r}; allowed: {allowed}")
        against = objections(environment, facts)
        return Choice(name=wanted, environment=environment, against=against)
    reasons: list[str] = []
    nearly: list[str] = []
    for name, environment in spec.environments.items():
        against = objections(environment, facts)
        if not against:
            return Choice(name=name, environment=environment, nearly=tuple(nearly))
        reasons.append(f"{name}: {'; '.join(against)}")
        equipped = structs.replace(facts, tools=frozenset(environment.applies.tools))
        if not objections(environment, equipped):
            nearly.append(reasons[-1])
    raise EnvironmentFailure(
        f"no variant of backend {spec.name} fits this machine ({' | '.join(reasons)}); "
        "name a variant to use it all the same"
    )
