"""Loading a target into the workers of a launch: all replicas at once, and what they resolved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from crossbench.api import DeviceMemory, Fact, Loaded, ModelRef, Needs, Parallelism
from crossbench.journal.events import LaunchReady
from crossbench.prompts.identity import ForeignTokenizer, Identity, identity, probe_texts
from crossbench.run.bench import Bench
from crossbench.run.replicas import Workers
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import (
    Load,
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Ready,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from crossbench.worker.pulse import Phase
from crossbench.worker.supervisor import WorkerProcess


def load(bench: Bench, workers: Workers, name: str, target: str, needs: Needs) -> None:
    """Load the target's model in every replica and check its tokenizer. Raises WorkerFailed.

    Times are those of the replica that was ready last, from its own start.
    """
    told = workers.ask_all(command(bench, target, needs), Ready, bench.watcher.beat)
    ready, worker = max(
        zip(told, workers.processes, strict=True), key=lambda pair: pair[0].ready_ns
    )
    bench.recorder.look()
    bench.write(
        LaunchReady(
            launch=name,
            loaded=as_one([each.loaded for each in told]),
            memory=summed(each.memory for each in told),
            instrument=max((each.instrument for each in told), key=lambda each: each.p99_ns),
            versions=ready.versions,
            python=ready.python,
            start_ns=ready.main_ns - worker.spawned_ns,
            import_ns=ready.imported_ns - ready.main_ns,
            load_ns=ready.ready_ns - ready.imported_ns,
            tokenizer=_identity(bench, workers.first),
        )
    )


def command(bench: Bench, target: str, needs: Needs) -> Load:
    """What a worker of this target is asked first."""
    asked, spec = bench.target(target), bench.spec(target)
    return Load(
        factory=spec.factory,
        options_type=spec.options,
        options=dict(asked.options),
        model=ModelRef(path=bench.artifacts[target], name=bench.plan.suite.model.name),
        needs=needs,
        distributions=spec.distributions,
    )


def memory(workers: Workers) -> Mapping[str, DeviceMemory]:
    """The engines' memory after their last sample, if they can still be asked."""
    with suppress(WorkerFailed):
        return summed(each.memory for each in workers.ask_all(ReadMemory(), MemoryRead))
    return {}


def _identity(bench: Bench, worker: WorkerProcess) -> Identity:
    """Whether the artifact's tokenizer is the suite's. Raises WorkerFailed where it is not."""
    vocabulary = worker.ask(ReadVocabulary(), VocabularyRead, bench.watcher.beat).vocabulary
    tokenizer = bench.book.tokenizer
    texts = Tokenize(texts=probe_texts(tokenizer))
    probes = worker.ask(texts, Tokenized, bench.watcher.beat).ids
    try:
        return identity(tokenizer, vocabulary, probes, bench.book.used_ids)
    except ForeignTokenizer as error:
        raise WorkerFailed("error", Phase.LOADING, str(error)) from None


def as_one(loaded: Sequence[Loaded]) -> Loaded:
    """What replicas resolved, told of all of them: data parallel over the devices of each.

    What they did not resolve alike is named among the settings.
    """
    first = loaded[0]
    if len(loaded) == 1:
        return first
    alone = first.parallelism.value in (None, Parallelism.NONE)
    settings = {**first.settings, "replicas": Fact(len(loaded), "config")}
    if unlike := _unlike(loaded):
        settings["replicas differ in"] = Fact(", ".join(unlike), "config")
    return replace(
        first,
        parallelism=Fact(Parallelism.DATA, "config") if alone else first.parallelism,
        devices=tuple({device.id: device for each in loaded for device in each.devices}.values()),
        settings=settings,
    )


def _unlike(loaded: Sequence[Loaded]) -> list[str]:
    first, *others = [msgspec.structs.asdict(each) for each in loaded]
    facts = [name for name in first if name not in ("devices", "settings")]
    found = [name for name in facts if any(each[name] != first[name] for each in others)]
    names = dict.fromkeys(name for each in loaded for name in each.settings)
    resolved = [each.settings for each in loaded]
    return found + [
        name for name in names if any(each.get(name) != resolved[0].get(name) for each in resolved)
    ]


def summed(memories: Iterable[Mapping[str, DeviceMemory]]) -> Mapping[str, DeviceMemory]:
    """Memory by device, added up over the replicas that share one; None where one does not tell."""
    found: dict[str, list[DeviceMemory]] = defaultdict(list)
    for each in memories:
        for device, held in each.items():
            found[device].append(held)
    return {device: held[0] if len(held) == 1 else _sum(held) for device, held in found.items()}


def _sum(held: Sequence[DeviceMemory]) -> DeviceMemory:
    parts = [msgspec.structs.asdict(each) for each in held]
    known = {name: [part[name] for part in parts] for name in parts[0]}
    return DeviceMemory(
        **{name: None if None in values else sum(values) for name, values in known.items()}
    )
