"""Run folders as a run leaves them, with times and facts written by hand: no worker is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from crossbench.api import Boundary, Device, Fact, Finish, Loaded, Parallelism
from crossbench.artifacts.whereabouts import Present
from crossbench.journal.events import (
    LaunchEnded,
    LaunchReady,
    LaunchStarted,
    PassTaken,
    RunEnded,
    SampleTaken,
)
from crossbench.journal.manifest import Installed, Manifest
from crossbench.journal.writer import Journal
from crossbench.machine.model import Machine
from crossbench.places.placement import Place
from crossbench.plan import build as planning
from crossbench.plan.arrivals import arrivals
from crossbench.plan.artifact import Artifact
from crossbench.plan.model import Equipment, Launch, Plan
from crossbench.plan.selection import Selection
from crossbench.prompts.book import PromptBook
from crossbench.prompts.digest import ids_sha256
from crossbench.prompts.identity import Identity
from crossbench.registry import Registry
from crossbench.report.build import build
from crossbench.report.model import Report
from crossbench.suite.load import load
from crossbench.suite.model import Scenario, Suite
from crossbench.worker.protocol import Instrument, Record

MACHINE = Machine(
    platform="linux-x86_64",
    system="Linux, kernel 6.1",
    cpu="Some CPU",
    physical_cores=4,
    logical_cores=8,
    memory_bytes=16 * 2**30,
    cuda_devices=(),
    wsl=False,
    python="3.11.9",
)
WOBBLE = (1.004, 0.997, 1.002, 0.999, 0.995, 1.003)
"""What launches differ by, about 0.4 %, the same for every target: a block's own luck."""
OWN = (0.999, 1.001, 1.002, 0.998, 1.0015, 0.9985)
"""What one target's launches differ by besides, about 0.15 %."""
LOADED = Loaded(
    boundary=Boundary.LIBRARY,
    engine_build=Fact("build 1", "api"),
    parallelism=Fact(Parallelism.NONE, "api"),
    devices=(Device(id="cpu", name="Some CPU", kind="cpu"),),
    context_tokens=Fact(512, "api"),
    weight_bytes=Fact(2_000, "api"),
    parameters=Fact(1_000, "api"),
    kv_dtype=Fact("f16", "log"),
    kv_capacity_tokens=Fact(None, "api"),
    attention=Fact("standard", "log"),
    prefix_cache=Fact(False, "config"),
    settings={"threads": Fact[Any](1, "api"), "speculative": Fact[Any]("none", "config")},
)
IDENTITY = Identity(
    vocabulary_sha256="ab" * 32, same_vocabulary=True, same_probes=True, complaints=()
)


class Script(Struct, frozen=True, kw_only=True):
    """How one target goes."""

    ttft_s: float = 0.1
    tpot_s: float = 0.01
    cached: int | None = 0
    loaded: Loaded = LOADED
    missing: tuple[int, ...] = ()
    """Blocks in which it gave no sample."""
    drift: float = 0.0
    """By how much, as a part, the machine slows down over the run."""
    steady: bool = False
    """Whether its launches do not differ at all."""
    crowded: float = 0.0
    """By how much, as a part, each further user slows down all of them."""
    stamps: Callable[[list[float]], list[float]] = field(default=list)
    """What becomes of the stamps, in seconds."""
    places: tuple[Place, ...] = ()
    """What its workers are held to."""
    taken: Callable[[SampleTaken], SampleTaken | None] = field(default=lambda event: event)
    """What becomes of each sample; None where it is never made."""


def settled(**settings: Any) -> Loaded:
    """`LOADED` with these settings."""
    told = {name: Fact[Any](value, "api") for name, value in settings.items()}
    return replace(LOADED, settings={**LOADED.settings, **told})


def write(
    folder: Path,
    suite: Path,
    scripts: Mapping[str, Script],
    *,
    machine: Machine = MACHINE,
    started: str = "2026-01-01T00:00:00Z",
    artifacts: Mapping[str, str] | None = None,
    change: Callable[[Suite], Suite] = lambda suite: suite,
) -> Path:
    """Write a whole run of the suite, each target as its script says."""
    loaded = change(load(suite))
    book = PromptBook.open(loaded)
    plan = planned(loaded, book, machine)
    names = [target.target for target in plan.targets]
    manifest = Manifest(
        crossbench="0.1.0",
        definitions=2,
        started=started,
        command=("crossbench", "run", suite.name),
        suite_text=suite.read_text(),
        plan=plan,
        selection=Selection(),
        artifacts={
            name: Artifact(
                name="model.gguf", bytes=1, files=1, sha256=(artifacts or {}).get(name, "cd" * 32)
            )
            for name in names
        },
        environments={name: Installed(how="host", versions={}) for name in names},
    )
    with Journal(folder, new=True) as journal:
        journal.write_manifest(manifest)
        for launch in plan.launches:
            for event in _launch(plan, book, launch, scripts[launch.target]):
                journal.append(event)
        journal.append(RunEnded(utc=started, outcome="complete"))
    return folder


def planned(suite: Suite, book: PromptBook, machine: Machine) -> Plan:
    """What would be run of the suite on this machine."""
    return planning.build(
        suite,
        registry=Registry(),
        machine=machine,
        equipment={target.name: Equipment(variant="host", how="host") for target in suite.targets},
        artifacts={target.artifact: Present(path=target.artifact) for target in suite.targets},
        book=book,
        selection=Selection(),
    )


def report(folder: Path, suite: Path, scripts: Mapping[str, Script], **options: Any) -> Report:
    """The report of such a run."""
    return build(write(folder, suite, scripts, **options))


def _launch(plan: Plan, book: PromptBook, launch: Launch, script: Script) -> Iterator[Any]:
    yield LaunchStarted(
        launch=launch.id,
        planned=launch.id,
        target=launch.target,
        block=launch.block,
        places=script.places,
        utc="2026-01-01T00:00:00Z",
        monotonic_ns=1,
    )
    yield LaunchReady(
        launch=launch.id,
        loaded=script.loaded,
        memory={},
        instrument=Instrument(chunks=1000, median_ns=100, p99_ns=1000),
        versions={},
        python="3.11.9",
        start_ns=1_000_000,
        import_ns=1_000_000,
        load_ns=5_000_000,
        tokenizer=IDENTITY,
    )
    if launch.block not in script.missing:
        for name in launch.scenarios:
            for event in _samples(plan, book, launch, name, script):
                made = script.taken(event) if isinstance(event, SampleTaken) else event
                if made is not None:
                    yield made
    yield LaunchEnded(launch=launch.id, stage="quit", exit_code=0, memory={})


def _samples(
    plan: Plan, book: PromptBook, launch: Launch, name: str, script: Script
) -> Iterator[SampleTaken | PassTaken]:
    scenario = next(each for each in plan.suite.scenarios if each.name == name)
    turn = plan.suite.targets.index(
        next(each for each in plan.suite.targets if each.name == launch.target)
    )
    factor = 1.0
    if not script.steady:
        own = next(islice(cycle(OWN), launch.block + 2 * turn, None))
        factor = WOBBLE[launch.block % len(WOBBLE)] * own
    factor *= 1 + script.drift * plan.launches.index(launch) / len(plan.launches)
    users = scenario.load.concurrency or 1 if scenario.load else 1
    factor *= 1 + script.crowded * (users - 1)
    stamps = [
        factor * (script.ttft_s + place * script.tpot_s) for place in range(scenario.output_tokens)
    ]
    for repeat in range(plan.suite.protocol.repeats):
        begins = _begins(scenario, plan.suite, launch, repeat, int(stamps[-1] * 1e9))
        for prompt in range(scenario.requests):
            ids = book.salted(name, prompt, launch.block, repeat)
            yield SampleTaken(
                launch=launch.id,
                scenario=name,
                role="timed",
                repeat=repeat,
                prompt=prompt,
                prompt_tokens=len(ids),
                prompt_sha256=ids_sha256(ids),
                asked_tokens=scenario.output_tokens,
                natural=scenario.natural,
                record=Record(
                    id="r",
                    t0_ns=begins[prompt],
                    stamps_ns=tuple(int(stamp * 1e9) for stamp in script.stamps(stamps)),
                    counts=(1,) * scenario.output_tokens,
                    token_ids=tuple(range(scenario.output_tokens)),
                    text=None,
                    finish=Finish(reason="length", cached_prompt_tokens=script.cached),
                ),
            )
        if scenario.load is not None:
            yield PassTaken(
                launch=launch.id,
                scenario=name,
                role="timed",
                repeat=repeat,
                requests=scenario.requests,
            )


def _begins(
    scenario: Scenario, suite: Suite, launch: Launch, repeat: int, took_ns: int
) -> Sequence[int]:
    """When each request of a pass begins: those of a closed loop one wave after the other."""
    if scenario.load is None:
        return [7] * scenario.requests
    due = arrivals(scenario.load, suite.protocol.seed, scenario.name, launch.block, repeat)
    users = scenario.streams
    return due or [7 + took_ns * (number // users) for number in range(scenario.requests)]
