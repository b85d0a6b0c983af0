"""What every check stands on: the adopter's attributes, loaded sessions, requests, and verdicts.

A check is a method whose docstring is the rule it stands for; a failure prints what was found, the
rule, and what to do.
"""

from __future__ import annotations

import inspect
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeAlias

import pytest

from crossbench.api import BackendSpec, Capability, Needs, Request, Vocabulary
from crossbench.envs import environment
from crossbench.envs.environment import Environment
from crossbench.errors import EnvironmentFailure
from crossbench.registry import Registry
from crossbench.testing.conformance.bench import Bench, Order
from crossbench.testing.conformance.pool import pool
from crossbench.testing.conformance.verdict import RuleBroken
from crossbench.worker.failure import WorkerFailed
from crossbench.worker.protocol import Record

STREAMS = 3
"""Requests in flight at once, where the backend declares BATCH."""
PLAIN = 24
"""Output tokens of a request of no particular length."""

Output: TypeAlias = tuple[int, ...] | str | None


class _Silent:
    """A `Progress` that nobody watches."""

    def started(self, text: str) -> None: ...
    def line(self, text: str) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def finished(self, text: str) -> None: ...


class Checks:
    """The attributes an adopter sets, and what the checks do with them."""

    backend: ClassVar[str | BackendSpec]
    """The name it is registered under, or its declaration."""
    artifact: ClassVar[Path | str]
    """A small model; its greedy output should not depend on rounding."""
    options: ClassVar[Mapping[str, Any]] = {}
    bad_options: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Option tables that must be refused before anything is loaded."""
    plugin: ClassVar[str | None] = None
    """The module that declares the backend; found by itself for a registered one."""
    variant: ClassVar[str | None] = None
    python: ClassVar[Path | str | None] = None
    """An interpreter that has the engine; absent: CROSSBENCH_TEST_<BACKEND>_PYTHON names it, else
    the environment that `crossbench envs build` made."""
    context_tokens: ClassVar[int] = 512
    """The longest request, in tokens; at least 128."""
    score_top_k: ClassVar[int] = 8
    """With at least the vocabulary's size, scores are checked to be normalised exactly."""
    score_tolerance: ClassVar[float] = 2e-2
    """Nats by which log-probabilities of the same thing may differ."""
    separate_scoring: ClassVar[bool] = True
    """Whether scores get a load of their own, as in a run; an engine that loads slowly may share
    one load among all checks."""
    batch_exact: ClassVar[bool] = True
    """Whether greedy output must not depend on what else is in flight; where the engine's
    arithmetic differs in a batch, most requests still have to agree with themselves."""
    loads: ClassVar[int] = 3
    """Loads and closes in one process."""
    memory_growth_mib: ClassVar[float] = 8.0
    """What one load and close may leave resident, in MiB, once a first one has been."""

    spec: ClassVar[BackendSpec]
    _found: ClassVar[Environment | None]
    _benches: ClassVar[dict[str, Bench]]
    _results: ClassVar[dict[str, Any]]
    _folder: ClassVar[tempfile.TemporaryDirectory[str]]

    @classmethod
    def setup_class(cls) -> None:
        """Find the declaration; nothing is loaded before a check needs it."""
        given = cls.backend
        cls.spec = given if isinstance(given, BackendSpec) else Registry().backend(given).spec
        cls._found, cls._benches, cls._results = None, {}, {}
        cls._folder = tempfile.TemporaryDirectory(prefix="crossbench-conformance-")

    @classmethod
    def teardown_class(cls) -> None:
        """End every worker."""
        for bench in cls._benches.values():
            bench.end()
        cls._folder.cleanup()

    def setup_method(self, method: Callable[..., None]) -> None:
        """Keep the rule that the check stands for."""
        self._rule = " ".join((inspect.getdoc(method) or "").split())

    # Verdicts

    def broken(self, found: str, do: str) -> NoReturn:
        """The rule does not hold; what comes next gets a fresh session."""
        for bench in self._benches.values():
            bench.end()
        raise RuleBroken(found, self._rule, do)

    def declares(self, capability: Capability) -> bool:
        """Whether the backend promises this."""
        return capability in self.spec.capabilities

    def needs(self, *capabilities: Capability) -> None:
        """Skip what is not promised."""
        for capability in capabilities:
            if not self.declares(capability):
                pytest.skip(f"{self.spec.name} does not declare {capability.name}")

    # Sessions

    @property
    def environment(self) -> Environment:
        """Where the engine is; without one the check is skipped, saying so."""
        cls = type(self)
        if cls._found is None:
            try:
                cls._found = found(self.spec, self.variant, self.python)
            except EnvironmentFailure as failure:
                if os.environ.get("CROSSBENCH_REQUIRE_ENGINES"):
                    pytest.fail(str(failure), pytrace=False)
                pytest.skip(str(failure))
        return cls._found

    def order(self, *, scoring: bool = False) -> Order:
        """What a session of this backend is loaded with."""
        return Order(
            spec=self.spec,
            environment=self.environment,
            artifact=Path(self.artifact).resolve(),
            options=dict(self.options),
            needs=Needs(
                context_tokens=self.context_tokens,
                streams=STREAMS if self.declares(Capability.BATCH) else 1,
                forced_ids=self.declares(Capability.FORCED_IDS),
                scoring=scoring,
                score_top_k=self.score_top_k if scoring else 0,
            ),
            declares_score=self.declares(Capability.SCORE),
            folder=Path(self._folder.name),
        )

    @property
    def bench(self) -> Bench:
        """The session that most checks share."""
        return self._bench("plain")

    def _bench(self, kind: str) -> Bench:
        scoring = kind == "scoring"
        if not self.separate_scoring:
            kind, scoring = "shared", self.declares(Capability.SCORE)
        if kind not in self._benches:
            self._benches[kind] = Bench(self.order(scoring=scoring))
        return self._benches[kind]

    @property
    def vocabulary(self) -> Vocabulary | None:
        """What the artifact says of its tokenizer, asked once; None where it cannot tell."""
        if "vocabulary" not in self._results:
            self._results["vocabulary"] = self._alive(self.bench.vocabulary)
        told: Vocabulary | None = self._results["vocabulary"]
        return told

    def _alive(self, ask: Callable[[], Any]) -> Any:
        """What the session answers; its loss is a failure of the check."""
        try:
            return ask()
        except WorkerFailed as failed:
            self.broken(
                f"the launch was lost ({failed.kind}): {failed}",
                "raise RequestError for what costs one request, EngineError for what costs all",
            )

    # Requests

    def prompt(self, length: int, salt: int = 0) -> tuple[int, ...]:
        """Ids of the vocabulary; another salt changes each of them."""
        ids = self._pool
        return tuple(ids[(salt * 37 + 11 * place) % len(ids)] for place in range(length))

    @property
    def _pool(self) -> Sequence[int]:
        """Ids that prompts are made of."""
        if "pool" not in self._results:
            loaded = self._alive(lambda: self.bench.ready).loaded
            self._results["pool"] = pool(
                self.vocabulary, Path(self.artifact), as_text=loaded.prompt != "ids"
            )
        found: Sequence[int] = self._results["pool"]
        return found

    def request(
        self, length: int = 17, tokens: int = PLAIN, *, salt: int = 0, id: str = "", **more: Any
    ) -> Request:
        """A request of that many prompt and output tokens."""
        name = id or f"{length}-{tokens}-{salt}"
        prompt = more.pop("prompt_ids", None) or self.prompt(length, salt)
        return Request(id=name, prompt_ids=prompt, max_tokens=tokens, **more)

    def measured(
        self, *requests: Request, streams: int = 1, bench: Bench | None = None
    ) -> tuple[Record, ...]:
        """Reset, run these, and take whatever came of each."""
        chosen = bench or self.bench
        records: tuple[Record, ...] = self._alive(lambda: chosen.measure(requests, streams))
        return records

    def answered(
        self, *requests: Request, streams: int = 1, bench: Bench | None = None
    ) -> tuple[Record, ...]:
        """Reset, run these, and take their records; a failed one is a failure of the check.

        Where the plainest streams break the contract too, the check is skipped, so that one cause
        makes one failure.
        """
        records = self.measured(*requests, streams=streams, bench=bench)
        for record in records:
            if record.failure is None:
                continue
            self.excuse(record, *(self.crowd if streams > 1 else ()))
            told = f"request {record.id} failed ({record.failure.kind}): {record.failure.message}"
            self.broken(told, "serve this request")
        return records

    def excuse(self, record: Record, *plain: Record) -> None:
        """Skip where plainer requests broke the contract already: other checks judge those."""
        if record.failure is None or record.failure.kind != "contract":
            return
        for other in (*self.shapes, *plain):
            if other.failure is not None and other.failure.kind == "contract":
                pytest.skip(f"plainer streams break the contract too: {other.failure.message}")

    @property
    def shapes(self) -> tuple[Record, ...]:
        """Records of requests of many lengths; the identity of each is "prompt-output-salt"."""
        if "shapes" not in self._results:
            half, room = self.context_tokens // 2, self.context_tokens
            lengths = [(1, 1), (1, PLAIN), (33, 1), (33, 2), (33, PLAIN), (half, 7)]
            filled = [(room - 8, 8), (17, min(room - 17, 256))]
            requests = [self.request(*shape) for shape in (*lengths, *filled)]
            self._results["shapes"] = self.measured(*requests)
        records: tuple[Record, ...] = self._results["shapes"]
        return records

    @property
    def crowd(self) -> tuple[Record, ...]:
        """Records of requests that ran at once; none without BATCH."""
        if "crowd" not in self._results:
            requests = [self.request(9 + salt, salt=salt) for salt in range(STREAMS + 1)]
            batch = self.declares(Capability.BATCH)
            self._results["crowd"] = self.measured(*requests, streams=STREAMS) if batch else ()
        records: tuple[Record, ...] = self._results["crowd"]
        return records


def found(spec: BackendSpec, variant: str | None, python: Path | str | None) -> Environment:
    """The environment that has the engine; nothing is built.

    Without a `python` the environment variable CROSSBENCH_TEST_<BACKEND>_PYTHON may name one.
    Raises EnvironmentFailure, InputError.
    """
    name = f"CROSSBENCH_TEST_{re.sub('[^A-Z0-9]', '_', spec.name.upper())}_PYTHON"
    named = python or os.environ.get(name)
    return environment.resolve(
        spec,
        variant=variant,
        python=Path(named) if named else None,
        progress=_Silent(),
        build=False,
        deadline_s=60,
    )


def output(record: Record) -> Output:
    """What a request produced, to be held against another's."""
    return record.token_ids if record.token_ids is not None else record.text


def shape(record: Record) -> tuple[int, int]:
    """Prompt and output tokens of one of `Checks.shapes`."""
    prompt, tokens, _ = record.id.split("-")
    return int(prompt), int(tokens)
