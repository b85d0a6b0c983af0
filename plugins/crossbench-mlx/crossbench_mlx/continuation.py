"""One request, from its prompt to its last token.

mlx-lm dispatches the next step before it reads a token, so that Python's work and the device's
overlap, and so does this loop where `lookahead` is on, with two differences. The first token is
given before the second step is dispatched: it shall not wait for work that is not its own. And
nothing is dispatched past the last token: the N - 1 steps between the first token and the last are
dispatched after the first was given and done when the last is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import mlx.core as mx

from crossbench.api import Chunk, EngineError, Finish, Request, RequestError
from crossbench_mlx.decoder import Decoder
from crossbench_mlx.library import generation_stream
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.sampling import chooser

TIDY_STEPS = 256
"""mlx-lm gives unused buffers back after this many tokens."""


class Continuation:
    """A prompt being continued, in a cache of its own."""

    def __init__(self, model: Any, options: MlxOptions, request: Request) -> None:
        self._request = request
        self._lookahead = options.lookahead
        self._decoder = Decoder(model, options)
        self._choose = chooser(request.sampling, request.forced_ids, request.max_tokens)
        self._stops = frozenset(() if request.forced_ids else request.stop_ids)
        self._logits: mx.array | None = None
        self._dispatched = 0
        self._computed: int | None = None
        self._native: dict[str, float] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of its KV cache."""
        return self._decoder.nbytes

    def chunks(self) -> Iterator[Chunk]:
        """A token a chunk. Raises RequestError, EngineError."""
        last = self._request.max_tokens
        try:
            for place, token in enumerate(self._tokens(), start=1):
                if token in self._stops:
                    yield self._last(token, "stop")
                    return
                yield self._last(token, "length") if place == last else Chunk((token,))
        finally:
            mx.synchronize(generation_stream)

    def _tokens(self) -> Iterator[int]:
        mx.reset_peak_memory()
        first = self._prefill()
        yield int(first.item())
        self._native["prefill_peak_bytes"] = mx.get_peak_memory()
        mx.reset_peak_memory()
        mx.clear_cache()
        ahead = self._step(first)
        for place in range(1, self._request.max_tokens):
            token = ahead
            if self._lookahead:
                ahead = self._step(token)
            yield int(token.item())
            if not self._lookahead:
                ahead = self._step(token)
            if place % TIDY_STEPS == 0:
                mx.clear_cache()

    def _prefill(self) -> mx.array:
        """Compute the prompt in an empty cache; the first token, dispatched.

        The last id of the prompt is a step of its own, as in mlx-lm: only its logits are wanted.
        """
        held = self._decoder.positions
        if held:
            raise EngineError(f"the KV cache already holds {held} positions of an earlier prompt")
        prompt = mx.array(self._request.prompt_ids, mx.uint32)
        self._decoder.prefill(prompt[:-1])
        first = self._step(prompt[-1:])
        reached = self._decoder.positions
        if held is not None and reached is not None:
            self._computed = reached - held
        return first

    def _step(self, previous: mx.array) -> mx.array:
        """Dispatch the step that follows this token, if the request has any left."""
        if self._dispatched == self._request.max_tokens:
            return previous
        with mx.stream(generation_stream):
            self._logits = self._decoder.feed(previous)[-1:]
            token = self._choose(self._logits, self._dispatched)
        mx.async_eval(token)
        self._dispatched += 1
        return token

    def _last(self, token: int, reason: Literal["length", "stop"]) -> Chunk:
        """The last chunk, which carries the proof that the prompt was computed."""
        if self._logits is None or mx.isnan(self._logits).any().item():
            raise RequestError("the model's logits are not numbers; its output means nothing")
        self._native["decode_peak_bytes"] = mx.get_peak_memory()
        self._native["kv_bytes"] = self._decoder.nbytes
        computed = self._computed
        return Chunk(
            (token,),
            finish=Finish(
                reason=reason,
                cached_prompt_tokens=(
                    None if computed is None else len(self._request.prompt_ids) - computed
                ),
                native=self._native,
            ),
        )
