"""Several requests at once, by mlx-lm's own continuous batching, its `BatchGenerator`.

A step computes the next token of every request that is generating, and then a piece of the prompts
of new ones: of at most eight of them, and at most `prefill_step_size` tokens each. So a new prompt
holds the others up for one piece at a time. As mlx-lm has it, a step is dispatched before the
tokens of the one before are given: the first token of a request waits for the dispatch of its
second step, and one step past its last token is computed.

Steps are made in the event loop, when a request waits for a token: none can come meanwhile.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Callable
from itertools import count
from typing import Any, Literal

import mlx.core as mx

from crossbench.api import (
    BackendError,
    Chunk,
    EngineError,
    Finish,
    Request,
    RequestError,
    Unsupported,
)
from crossbench_mlx.artifact import Artifact
from crossbench_mlx.decoder import leaves, positions
from crossbench_mlx.failures import typed
from crossbench_mlx.library import (
    BatchGenerator,
    StopSequences,
    generation_stream,
    make_prompt_cache,
)
from crossbench_mlx.loaded import LoadedModel
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.sampling import Choose, chooser

PROMPTS = 8
"""Prompts that mlx-lm computes together."""


def check(options: MlxOptions) -> None:
    """Raise Unsupported for options that mlx-lm has only for one request at a time."""
    if options.kv_bits is not None:
        raise Unsupported(
            f"kv_bits is {options.kv_bits}: mlx-lm's batch generation has no quantised KV cache; "
            "drop kv_bits, or run one request at a time"
        )
    if not options.lookahead:
        raise Unsupported(
            "lookahead is off: mlx-lm's batch generation always dispatches the next step ahead; "
            "drop lookahead, or run one request at a time"
        )


class Member:
    """One request in flight, as the generator knows it."""

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.came: list[Any] = []
        """The generator's answers that are not yet given, oldest first."""
        self.waiter: Future[None] | None = None


class CrowdSession(LoadedModel):
    """A loaded model that serves many requests at once, on asynchronous iterators.

    Raises Unsupported where mlx-lm cannot batch it.
    """

    def __init__(self, model: Any, artifact: Artifact, options: MlxOptions, streams: int) -> None:
        super().__init__(model, artifact, options, streams)
        unable = {type(c).__name__ for c in make_prompt_cache(model) if not hasattr(c, "merge")}
        if unable:
            raise Unsupported(
                f"mlx-lm cannot batch {artifact.folder}, whose cache is {', '.join(sorted(unable))}"
            )
        self._generator: Any = BatchGenerator(
            model,
            completion_batch_size=streams,
            prefill_batch_size=min(streams, PROMPTS),
            prefill_step_size=options.prefill_step_size,
        )
        self._wired.set()  # the generator has set it to its own liking
        self._members: dict[int, Member] = {}
        self._asked = False

    def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream one continuation; see `MlxSession.generate`.

        More requests than the load has streams wait, in the order in which they came.
        """
        self._check_request(request)
        return self._stream(request)

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._generator is not None:
            self._abort()
            self._generator.close()
            self._generator = None
        super().close()

    def _abort(self) -> None:
        for member in tuple(self._members.values()):
            self._leave(member)
            if member.waiter is not None and not member.waiter.done():
                member.waiter.set_exception(_ended())

    def _kv_bytes(self) -> int:
        return int(self._generator.prompt_cache_nbytes) if self._generator else 0

    async def _stream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        member = self._enter(request)
        produced = 0
        try:
            while True:
                answers = await self._next(member)
                ids = tuple(int(each.token) for each in answers)
                produced += len(ids)
                last = answers[-1]
                if last.finish_reason is not None:
                    yield _last(ids, last, len(request.prompt_ids) + produced)
                    return
                yield Chunk(ids)
        finally:
            self._leave(member)

    def _enter(self, request: Request) -> Member:
        self._check_request(request)
        stops = () if request.forced_ids else request.stop_ids
        # One more than is asked for: mlx-lm computes a step past the last token.
        forced = request.forced_ids + request.forced_ids[-1:]
        plain = not forced and request.sampling.temperature <= 0
        choose = chooser(request.sampling, forced, request.max_tokens + 1)
        cache = make_prompt_cache(self._model)
        if held := positions(leaves(cache)):
            raise EngineError(f"the KV cache already holds {held} positions of an earlier prompt")
        with typed("generation failed"):
            (uid,) = self._generator.insert(
                [list(request.prompt_ids)],
                max_tokens=[request.max_tokens],
                caches=[cache],
                # Greedy ones share mlx-lm's sampler, by which they are chosen together.
                samplers=[None if plain else _stepped(choose)],
                stop_sequences=[StopSequences([[each] for each in stops])],
            )
        member = self._members[uid] = Member(uid)
        return member

    def _leave(self, member: Member) -> None:
        """Take it out of the batch, its cache with it; a second call does nothing."""
        if self._members.pop(member.uid, None) is not None:
            with mx.stream(generation_stream):
                self._generator.remove([member.uid])

    async def _next(self, member: Member) -> list[Any]:
        """The answers that have come; at least one."""
        if not member.came:
            if member.uid not in self._members:
                raise _ended()
            loop = asyncio.get_running_loop()
            member.waiter = loop.create_future()
            self._step_soon(loop)
            await member.waiter
        came, member.came = member.came, []
        return came

    def _step_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._asked:
            self._asked = True
            # One round of the loop later than soon, so that timers which ran out, and what they
            # wake, come before the step.
            loop.call_soon(loop.call_soon, self._step)

    def _step(self) -> None:
        """One step of the generator, if anything waits for it."""
        self._asked = False
        if not self._waiting():
            return
        try:
            with typed("generation failed"):
                _, answers = self._generator.next()
        except BackendError as error:
            for waiter in self._waiting():
                waiter.set_exception(error)
            return
        for answer in answers:
            member = self._members[answer.uid]
            member.came.append(answer)
            if member.waiter is not None and not member.waiter.done():
                member.waiter.set_result(None)
        if self._waiting():
            self._step_soon(asyncio.get_running_loop())

    def _waiting(self) -> list[Future[None]]:
        waiters = (each.waiter for each in self._members.values())
        return [each for each in waiters if each is not None and not each.done()]


def _last(ids: tuple[int, ...], answer: Any, tokens: int) -> Chunk:
    """The last chunk. The cache then holds all tokens but those that were not computed."""
    if mx.isnan(answer.logprobs).any().item():
        raise RequestError("the model's logits are not numbers; its output means nothing")
    held = positions(leaves(answer.prompt_cache))
    reason: Literal["length", "stop"] = answer.finish_reason
    cached = None if held is None else tokens - held
    return Chunk(ids, finish=Finish(reason=reason, cached_prompt_tokens=cached))


def _stepped(choose: Choose) -> Callable[[mx.array], mx.array]:
    """A sampler of mlx-lm's, which is called once a step."""
    steps = count()
    return lambda logprobs: choose(logprobs, next(steps))


def _ended() -> RequestError:
    return RequestError("the session was reset or closed under this request")
