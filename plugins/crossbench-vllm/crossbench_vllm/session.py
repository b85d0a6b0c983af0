"""A running engine: requests in, token ids out as they come.

Any number of requests may run at once.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vllm.exceptions import VLLMClientError
from vllm.inputs.engine import tokens_input

from crossbench.api import (
    Chunk,
    DeviceMemory,
    EngineError,
    Finish,
    Loaded,
    Request,
    RequestError,
    TokenScore,
    Vocabulary,
)
from crossbench_vllm import describe, log, processes, sampling
from crossbench_vllm.artifact import Artifact
from crossbench_vllm.failures import failure, words
from crossbench_vllm.log import EngineLog
from crossbench_vllm.options import VllmOptions
from crossbench_vllm.variables import Variables

RESET_S = 30.0
RESET_STEP_S = 0.005
RPC_S = 60.0
SHUTDOWN_S = 5.0
FILE = "file://"
FINISHED: Mapping[str, Literal["length", "stop"]] = {"length": "length", "stop": "stop"}


class VllmSession:
    """One engine, which it owns; see `crossbench.api.Session`."""

    def __init__(
        self,
        engine: Any,
        artifact: Artifact,
        options: VllmOptions,
        load_log: EngineLog,
        settings: Variables,
    ) -> None:
        self._engine = engine
        self._artifact = artifact
        self._options = options
        self._load_log = load_log
        self._log = EngineLog()
        self._settings = settings
        self._config = engine.vllm_config
        self._capacity: int = self._config.model_config.max_model_len
        self._vocab_size: int = self._config.model_config.get_vocab_size()
        self._numbers = itertools.count()
        self._running: set[str] = set()
        self._ranks: list[dict[str, Any]] | None = None

    async def describe(self) -> Loaded:
        """What vLLM resolved, each rank asked."""
        transports = log.transports(self._load_log.text())
        return describe.loaded(
            self._config, await self._facts(), self._options, self._artifact.weights(), transports
        )

    async def memory(self) -> Mapping[str, DeviceMemory]:
        """Weights and KV cache of each device, and all that torch's allocator holds on a GPU."""
        held = await self._ask("crossbench_allocated")
        return describe.memory(await self._facts(), held)

    def tokenize(self, text: str) -> list[int]:
        """Ids by the tokenizer that vLLM loaded, special tokens parsed, none added."""
        return [int(token) for token in self._tokenizer().encode(text, add_special_tokens=False)]

    def vocabulary(self) -> Vocabulary:
        """The artifact's tokenizer.json and chat template; BOS as vLLM's tokenizer would add it."""
        tokenizer = self._tokenizer()
        bos = getattr(tokenizer, "bos_token_id", None)
        adds = None if bos is None else bos in tokenizer.encode("a")[:1]
        return self._artifact.vocabulary(adds)

    def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream one continuation; a stop id ends it and is its last token.

        Raises RequestError when the request cannot be served, EngineError when the engine is lost.
        """
        self._check(request.prompt_ids, request.max_tokens)
        if request.forced_ids and len(request.forced_ids) != request.max_tokens:
            raise RequestError(
                f"{len(request.forced_ids)} forced ids and {request.max_tokens} output tokens; "
                "they must be as many"
            )
        self._check_ids(request.forced_ids)
        return self._stream(request)

    async def score(self, ids: Sequence[int], top_k: int, first: int) -> list[TokenScore]:
        """How likely vLLM finds each of ids[first:]."""
        self._check(ids, 1)
        if not 1 <= first < len(ids):
            raise RequestError(f"the first place to score is {first} of {len(ids)} ids")
        told: Any = None
        outputs = self._outputs(list(ids), sampling.scoring(top_k))
        try:
            async for output in outputs:
                told = output.prompt_logprobs
        finally:
            await outputs.aclose()
        if self._options.enable_prefix_caching:
            await self.reset()
        if told is None:
            raise RequestError("vLLM gave no log-probabilities of the prompt")
        return [_score(told[place], ids[place], top_k) for place in range(first, len(ids))]

    async def reset(self) -> None:
        """Abort what runs, drop cached prefixes, and wait until no block of KV cache is in use.

        Raises EngineError where that does not happen within 30 s.
        """
        engine = self._alive()
        if self._running:
            await engine.abort(list(self._running))
        for _ in range(int(RESET_S / RESET_STEP_S)):
            if await engine.reset_prefix_cache():
                return
            await asyncio.sleep(RESET_STEP_S)
        raise EngineError(f"vLLM's KV cache is still in use after {RESET_S:g} s")

    def close(self) -> None:
        """End vLLM's processes, within about 10 s; a second call does nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            started = processes.of_engines()
            engine.shutdown(timeout=SHUTDOWN_S)
            processes.end(started)
            self._tidy()
            self._settings.restore()
            # Python's last collections would walk all of torch and vLLM, for seconds.
            gc.freeze()

    def _tidy(self) -> None:
        """Remove the file over which the ranks found each other, which vLLM leaves behind."""
        for facts in self._ranks or ():
            if facts["rendezvous"].startswith(FILE):
                Path(facts["rendezvous"].removeprefix(FILE)).unlink(missing_ok=True)

    def _alive(self) -> Any:
        if self._engine is None:
            raise EngineError("the session is closed")
        return self._engine

    def _tokenizer(self) -> Any:
        tokenizer = self._alive().tokenizer
        if tokenizer is None:
            raise RequestError("vLLM loaded no tokenizer")
        return tokenizer

    async def _facts(self) -> list[dict[str, Any]]:
        if self._ranks is None:
            self._ranks = await self._ask("crossbench_facts")
        return self._ranks

    async def _ask(self, method: str) -> list[dict[str, Any]]:
        """What each rank answers. Raises EngineError."""
        try:
            answers: list[dict[str, Any]] = await self._alive().collective_rpc(method, RPC_S)
        except EngineError:
            raise
        except Exception as error:
            raise self._lost(error) from error
        return answers

    def _check(self, prompt: Sequence[int], produced: int) -> None:
        """Raise RequestError for what vLLM would refuse or silently cut."""
        self._alive()
        if not prompt or produced < 1:
            raise RequestError(
                f"{len(prompt)} prompt tokens and {produced} output tokens; "
                "at least 1 each is needed"
            )
        if len(prompt) + produced > self._capacity:
            raise RequestError(
                f"{len(prompt)} prompt and {produced} output tokens are {len(prompt) + produced}; "
                f"the context holds {self._capacity}: raise max_model_len or leave it out"
            )
        self._check_ids(prompt)

    def _check_ids(self, ids: Sequence[int]) -> None:
        if ids and (min(ids) < 0 or max(ids) >= self._vocab_size):
            raise RequestError(
                f"ids span {min(ids)} to {max(ids)}; the model's vocabulary is 0 to "
                f"{self._vocab_size - 1}"
            )

    async def _stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        v2_runner: bool = self._config.use_v2_model_runner
        parameters = sampling.parameters(request, v2_runner=v2_runner)
        outputs = self._outputs(list(request.prompt_ids), parameters)
        try:
            async for output in outputs:
                completion = output.outputs[0]
                ids = tuple(completion.token_ids)
                if not output.finished:
                    yield Chunk(ids)
                    continue
                reason = FINISHED.get(completion.finish_reason)
                if reason is None:
                    raise RequestError(f"vLLM ended the request with {completion.finish_reason!r}")
                finish = Finish(reason=reason, cached_prompt_tokens=output.num_cached_tokens)
                yield Chunk(ids, finish=finish)
        finally:
            await outputs.aclose()

    async def _outputs(self, prompt: list[int], parameters: Any) -> AsyncGenerator[Any, None]:
        """vLLM's own outputs of one request, which closing this early aborts."""
        name = f"crossbench-{next(self._numbers)}"
        # As an engine input the ids go straight to the engine; as a prompt they would pass through
        # a thread that renders prompts.
        stream = self._alive().generate(tokens_input(prompt), parameters, name)
        self._running.add(name)
        try:
            async for output in stream:
                yield output
        except (VLLMClientError, ValueError) as error:
            raise RequestError(f"vLLM refused the request: {words(error)}") from error
        except Exception as error:
            raise self._lost(error) from error
        finally:
            self._running.discard(name)
            await stream.aclose()

    def _lost(self, error: Exception) -> EngineError:
        cause = log.cause(self._log.text()) or f"{type(error).__name__}: {words(error)}"
        return failure("vLLM broke", cause)


def _score(told: Mapping[int, Any], given: int, top_k: int) -> TokenScore:
    """vLLM's entry of one place: the likeliest ids, and the given one wherever it ranks."""
    likeliest = sorted(told.items(), key=lambda entry: -entry[1].logprob)[:top_k]
    return TokenScore(
        float(told[given].logprob), tuple((token, float(each.logprob)) for token, each in likeliest)
    )
