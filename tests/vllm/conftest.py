"""Real engines behind the real worker, each loaded once, and probes inside its interpreter."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from crossbench.api import ModelRef, Needs, Request, Sampling, TokenScore, Vocabulary
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import (
    Load,
    Measure,
    Measured,
    MemoryRead,
    ReadMemory,
    ReadVocabulary,
    Ready,
    Record,
    Score,
    Scored,
    Tokenize,
    Tokenized,
    VocabularyRead,
)
from crossbench.worker.supervisor import WorkerProcess
from tests.conftest import ROOT, TINY, engine
from tests.reference import Reference

PLUGIN = ROOT / "plugins" / "crossbench-vllm"
PYTHONPATH = os.pathsep.join(map(str, (ROOT, PLUGIN)))

STRICT = {"dtype": "float32", "enforce_eager": True, "kv_cache_gib": 0.125}
"""Deterministic, quick to load, and small."""
NEEDS = Needs(context_tokens=384, streams=4, forced_ids=True, scoring=True, score_top_k=5)
TOLERANCE = 5e-4
"""What float32 may differ from float64 in a log-probability."""
LOAD_S = 600.0
"""A busy machine of two cores takes its time to import vLLM in four processes."""


class Worker:
    """One engine in one worker process, asked as the host asks."""

    def __init__(self, environment: Environment, log: Path, **options: Any) -> None:
        self.log = log
        self.options = STRICT | options
        self.process = WorkerProcess(
            python=environment.python,
            environ={**environ(environment), "PYTHONPATH": PYTHONPATH},
            log=log,
            deadlines=Deadlines(load_s=LOAD_S),
        )
        spec = Registry().backend("vllm").spec
        self._numbers = itertools.count()
        try:
            self.ready = self.process.ask(
                Load(
                    factory=spec.factory,
                    options_type=spec.options,
                    options=self.options,
                    model=ModelRef(path=str(TINY), name="tiny"),
                    needs=NEEDS,
                    distributions=spec.distributions,
                ),
                Ready,
            )
        except BaseException:
            self.process.kill()
            raise

    def request(self, prompt: Sequence[int], tokens: int, **more: Any) -> Request:
        return Request(
            id=f"r{next(self._numbers)}",
            prompt_ids=tuple(prompt),
            max_tokens=tokens,
            sampling=Sampling(**more.pop("sampling", {})),
            **more,
        )

    def measure(self, *requests: Request, streams: int = 1) -> Sequence[Record]:
        return self.process.ask(Measure(requests=requests, streams=streams), Measured).records

    def ids(self, prompt: Sequence[int], tokens: int, **more: Any) -> list[int]:
        """What one request alone gives."""
        (record,) = self.measure(self.request(prompt, tokens, **more))
        assert record.failure is None, record.failure
        return list(record.token_ids or ())

    def refusal(self, prompt: Sequence[int], tokens: int, **more: Any) -> str:
        (record,) = self.measure(self.request(prompt, tokens, **more))
        assert record.failure is not None
        assert record.failure.kind == "request"
        return record.failure.message

    def score(self, ids: Sequence[int], first: int, top_k: int = 0) -> tuple[TokenScore, ...]:
        scored = self.process.ask(Score(ids=tuple(ids), first=first, top_k=top_k), Scored)
        assert scored.failure is None, scored.failure
        return scored.scores

    def score_refusal(self, ids: Sequence[int], first: int) -> str:
        scored = self.process.ask(Score(ids=tuple(ids), first=first, top_k=0), Scored)
        assert scored.failure is not None
        assert scored.failure.kind == "request"
        return scored.failure.message

    def vocabulary(self) -> Vocabulary:
        told = self.process.ask(ReadVocabulary(), VocabularyRead).vocabulary
        assert told is not None
        return told

    def tokenize(self, *texts: str) -> Sequence[Sequence[int]]:
        ids = self.process.ask(Tokenize(texts=texts), Tokenized).ids
        assert ids is not None
        return ids

    def memory(self) -> Mapping[str, Any]:
        return self.process.ask(ReadMemory(), MemoryRead).memory


@pytest.fixture(scope="session")
def environment() -> Environment:
    return engine("vllm")


@pytest.fixture(scope="session")
def reference() -> Reference:
    return Reference(TINY)


def probed(environment: Environment, name: str, folder: Path, **arguments: Any) -> Any:
    """Call a function of `probes` in the engine's interpreter, its log a file as a worker's is."""
    with (folder / "probe.log").open("ab") as log:
        ran = subprocess.run(
            [str(environment.python), "-m", "tests.vllm.probes", name, json.dumps(arguments)],
            cwd=ROOT,
            env={**environ(environment), "PYTHONPATH": PYTHONPATH},
            stdout=subprocess.PIPE,
            stderr=log,
            timeout=LOAD_S,
            check=False,
        )
    said = (folder / "probe.log").read_text(errors="replace")[-4000:]
    assert ran.returncode == 0, said
    return json.loads(ran.stdout.splitlines()[-1])
