"""The real worker with the real plugin on the tiny model, driven as the host drives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossbench.api import ModelRef, Needs, Request, TokenScore
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import (
    Load,
    Measure,
    Measured,
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

STRICT: dict[str, Any] = {"flash_attn": "off", "type_k": "f32", "type_v": "f32"}
"""Options under which llama.cpp computes in f32."""
PATIENCE = Deadlines(load_s=60, first_token_s=60, chunk_gap_s=60, close_s=10)


class Live:
    """A worker that has loaded a model, with one thread unless told otherwise."""

    def __init__(
        self,
        environment: Environment,
        folder: Path,
        model: str,
        streams: int = 1,
        **options: Any,
    ) -> None:
        """Raises WorkerFailed as the supervisor does."""
        spec = Registry().backend("llamacpp").spec
        self.process = WorkerProcess(
            python=environment.python,
            environ=environ(environment),
            log=folder / "worker.log",
            deadlines=PATIENCE,
        )
        try:
            self.ready = self.process.ask(
                Load(
                    factory=spec.factory,
                    options_type=spec.options,
                    options={"threads": 1} | options,
                    model=ModelRef(path=model, name="tiny"),
                    needs=Needs(context_tokens=512, streams=streams, forced_ids=True, scoring=True),
                    distributions=(),
                ),
                Ready,
            )
        except BaseException:
            self.process.kill()
            raise

    def record(self, prompt: Sequence[int], tokens: int, **more: Any) -> Record:
        """What came of one request."""
        request = Request(id="r", prompt_ids=tuple(prompt), max_tokens=tokens, **more)
        (record,) = self.process.ask(Measure(requests=(request,)), Measured).records
        return record

    def crowd(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[list[int]]:
        """The ids of requests that must succeed, all of them at once."""
        requests = tuple(
            Request(id=str(number), prompt_ids=tuple(prompt), max_tokens=tokens)
            for number, prompt in enumerate(prompts)
        )
        measure = Measure(requests=requests, streams=len(prompts))
        records = self.process.ask(measure, Measured).records
        assert not any(record.failure for record in records), records
        return [list(record.token_ids or ()) for record in records]

    def generate(self, prompt: Sequence[int], tokens: int, **more: Any) -> list[int]:
        """The ids of one request that must succeed."""
        record = self.record(prompt, tokens, **more)
        assert record.failure is None, record.failure
        return list(record.token_ids or ())

    def score(self, ids: Sequence[int], first: int, top_k: int = 0) -> tuple[TokenScore, ...]:
        """The scores of ids[first:]."""
        scored = self.refuse(ids, first, top_k)
        assert scored.failure is None, scored.failure
        return scored.scores

    def refuse(self, ids: Sequence[int], first: int, top_k: int = 0) -> Scored:
        """Scores, or why there are none."""
        return self.process.ask(Score(ids=tuple(ids), first=first, top_k=top_k), Scored)

    def tokenize(self, text: str) -> list[int]:
        """Ids of a text, specials parsed."""
        (ids,) = self.process.ask(Tokenize(texts=(text,)), Tokenized).ids or ((),)
        return list(ids)

    def vocabulary(self) -> VocabularyRead:
        """The artifact's own tokenizer."""
        return self.process.ask(ReadVocabulary(), VocabularyRead)

    def end(self) -> None:
        """End the worker."""
        self.process.end()
