"""The worker's share of an environment: crossbench and the plugin as the host has them.

An environment holds only the engine. What is small and changes often is laid over it on
PYTHONPATH, as links to the host's own packages. So the worker is always of the host's version, an
edit of a plugin costs no rebuild of its engine, and an interpreter the user names is not touched.

Whatever else a plugin imports inside the worker belongs into its `EnvSpec.requirements`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Iterable
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path

from packaging.requirements import Requirement

from crossbench import __version__
from crossbench.api import ENTRY_POINT_GROUP, BackendSpec
from crossbench.envs import store, uv
from crossbench.envs.interpreter import Interpreter, normal
from crossbench.envs.progress import Progress, Transcript
from crossbench.errors import EnvironmentFailure

WORKER_REQUIREMENTS = ("msgspec>=0.20",)
"""What the worker imports besides the standard library; part of every built environment."""


def place(spec: BackendSpec) -> Path:
    """The folder that holds links to crossbench and to the backend's own package, once laid."""
    sources = _sources(spec)
    listing = "\n".join(f"{name}={source}" for name, source in sources.items())
    digest = hashlib.sha256(listing.encode()).hexdigest()[: store.KEY_LENGTH]
    return store.root() / "overlays" / digest


def lay(spec: BackendSpec) -> Path:
    """Make that folder, where it is not there yet."""
    folder = place(spec)
    if not folder.is_dir():
        _link(_sources(spec).values(), folder)
    return folder


def _sources(spec: BackendSpec) -> dict[str, Path]:
    return {name: _source(name, spec) for name in _tops(spec)}


def versions(spec: BackendSpec) -> dict[str, str]:
    """Normalised distribution name -> version, of what the overlay brings."""
    tops = _tops(spec)
    plugins = metadata.entry_points(group=ENTRY_POINT_GROUP)
    found = {
        normal(point.dist.name): point.dist.version
        for point in plugins
        if point.dist is not None and _top(point.module) in tops
    }
    return {**found, "crossbench": __version__}


def _tops(spec: BackendSpec) -> list[str]:
    return sorted({"crossbench", _top(spec.factory), _top(spec.options)})


def _top(path: str) -> str:
    """ "package.module:Class" -> "package"."""
    return path.partition(":")[0].partition(".")[0]


def _source(name: str, spec: BackendSpec) -> Path:
    """The directory or file of a top-level package of the host, found without importing it."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    places = _places(found) if found else []
    if len(places) != 1 or not places[0].exists():
        raise EnvironmentFailure(
            f"the package {name!r} of backend {spec.name} is not one directory or file of this "
            "Python; install the plugin as an ordinary package"
        )
    return places[0].resolve()


def _places(found: ModuleSpec) -> list[Path]:
    if found.submodule_search_locations is not None:
        return [Path(place) for place in found.submodule_search_locations]
    return [Path(found.origin)] if found.origin else []


def _link(sources: Iterable[Path], folder: Path) -> None:
    """Make the folder at once, so that another process sees all of its links or none."""
    fresh = store.make_folder(folder.with_name(f".{folder.name}.{os.getpid()}"))
    for source in sources:
        (fresh / source.name).symlink_to(source)
    try:
        fresh.rename(folder)
    except OSError:  # another process was first, with the same links
        shutil.rmtree(fresh)


def side_folder(interpreter: Interpreter, platform: str) -> Path:
    """Where `WORKER_REQUIREMENTS` are for an interpreter the user names that lacks them."""
    wanted = hashlib.sha256("\n".join(WORKER_REQUIREMENTS).encode()).hexdigest()[:8]
    return store.root() / "side" / f"{interpreter.tag}-{platform}-{wanted}"


def lacks_requirements(interpreter: Interpreter) -> bool:
    """Whether the worker could not run there by itself."""
    for text in WORKER_REQUIREMENTS:
        requirement = Requirement(text)
        version = interpreter.versions.get(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            return True
    return False


def fill_side_folder(
    folder: Path, interpreter: Interpreter, progress: Progress, deadline: float
) -> None:
    """Install `WORKER_REQUIREMENTS` beside the interpreter, never into it."""
    with store.locked(folder, progress, deadline):
        if folder.is_dir():
            return
        fresh = store.make_folder(folder.with_name(f".{folder.name}.{os.getpid()}"))
        transcript = Transcript(progress)
        target = ["--target", str(fresh), "--python", str(interpreter.path)]
        try:
            status = uv.run(
                ["pip", "install", *target, *WORKER_REQUIREMENTS],
                project=fresh,
                on_line=transcript.read,
                deadline=deadline,
            )
        except TimeoutError:
            status = -1
        if status:
            shutil.rmtree(fresh)
            told = "\n".join(transcript.tail)
            raise EnvironmentFailure(
                f"{interpreter.path} lacks {', '.join(WORKER_REQUIREMENTS)}, which crossbench's "
                f"worker needs, and it could not be installed beside it:\n{told}"
            )
        fresh.rename(folder)
