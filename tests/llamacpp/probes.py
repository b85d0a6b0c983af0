"""What the engine tests do inside the engine's interpreter: `python -m tests.llamacpp.probes NAME`.

Each public function takes JSON values and returns one. One thread each, because a second one on a
busy machine waits for its turn at every barrier.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import msgspec

from crossbench.api import (
    Chunk,
    EngineError,
    ModelRef,
    Needs,
    Request,
    RequestError,
    Sampling,
)
from crossbench_llamacpp.engine import LlamaCpp
from crossbench_llamacpp.loaded import LoadedModel
from crossbench_llamacpp.options import LlamaCppOptions
from crossbench_llamacpp.session import LlamaCppSession

PROMPT = tuple(range(20, 120))


@contextmanager
def opened(
    model: str, context: int = 512, streams: int = 1, **options: Any
) -> Iterator[LoadedModel]:
    chosen = msgspec.convert({"threads": 1} | options, LlamaCppOptions)
    loaded = LlamaCpp().load(
        ModelRef(path=model, name="tiny"), chosen, Needs(context_tokens=context, streams=streams)
    )
    try:
        yield loaded
    finally:
        loaded.close()


@contextmanager
def session(model: str, context: int = 512, **options: Any) -> Iterator[LlamaCppSession]:
    with opened(model, context, **options) as loaded:
        assert isinstance(loaded, LlamaCppSession)
        yield loaded


def request(prompt: Sequence[int], tokens: int, **more: Any) -> Request:
    sampling = msgspec.convert(more.pop("sampling", {}), Sampling)
    return Request(id="r", prompt_ids=tuple(prompt), max_tokens=tokens, sampling=sampling, **more)


def ids(chunks: Sequence[Chunk]) -> list[int]:
    return [token for chunk in chunks for token in chunk.token_ids or ()]


def prompt_of(length: int, salt: int = 0) -> list[int]:
    return [20 + (salt + 7 * index) % 1500 for index in range(length)]


def decoded(live: LlamaCppSession, length: int, tokens: int) -> int:
    """Tokens decoded since the prefill began; llama.cpp reports each kind as at least one."""
    import llama_cpp

    llama_cpp.llama_synchronize(live._context)
    perf = llama_cpp.llama_perf_context(live._context)
    return int(perf.n_p_eval + perf.n_eval) - (length == 1 or tokens == 1)


def shapes(model: str, lengths: list[int], outputs: list[int], **options: Any) -> Any:
    """Every prompt length by every output length: what came, and what was proven."""
    rows = []
    with session(model, max(lengths) + max(outputs), **options) as live:
        for length in lengths:
            for tokens in outputs:
                live.reset()
                chunks = list(live.generate(request(prompt_of(length), tokens)))
                finish = chunks[-1].finish
                assert finish is not None
                rows.append(
                    {
                        "prompt": length,
                        "tokens": tokens,
                        "per_chunk": [len(chunk.token_ids or ()) for chunk in chunks],
                        "early_finish": any(chunk.finish for chunk in chunks[:-1]),
                        "cached": finish.cached_prompt_tokens,
                        "reason": finish.reason,
                        "native": sorted(finish.native),
                        "ids": ids(chunks),
                        "decoded": decoded(live, length, tokens),
                    }
                )
    return rows


def repeated(model: str, length: int, times: int, reset: bool) -> Any:
    """The same prompt again and again: ids, cached tokens and seconds to the first token."""
    rows = []
    with session(model, length + 8) as live:
        list(live.generate(request(prompt_of(length, 1), 2)))
        for _ in range(times):
            if reset:
                live.reset()
            begin = perf_counter()
            stream = live.generate(request(prompt_of(length), 4))
            first = next(stream)
            seconds = perf_counter() - begin
            chunks = [first, *stream]
            finish = chunks[-1].finish
            assert finish is not None
            rows.append([ids(chunks), finish.cached_prompt_tokens, seconds])
    return rows


def against_the_binding(model: str, prompts: list[list[int]], tokens: int) -> Any:
    """Greedy ids of this plugin and of the binding's own high-level generation."""
    import llama_cpp

    with session(model, 512, flash_attn="off", n_batch=512) as live:
        ours = [ids(list(live.generate(request(prompt, tokens)))) for prompt in prompts]
    reference = llama_cpp.Llama(
        model, n_ctx=512, n_batch=512, n_threads=1, n_threads_batch=1, verbose=False
    )
    theirs = []
    for prompt in prompts:
        reference.reset()
        stream = reference.generate(prompt, temp=0.0, repeat_penalty=1.0)
        theirs.append([next(stream) for _ in range(tokens)])
    return {"ours": ours, "theirs": theirs}


def sampled(model: str, samplings: list[dict[str, Any]], tokens: int) -> Any:
    """Ids under each sampling, in one session."""
    with session(model) as live:
        return [
            ids(list(live.generate(request(PROMPT, tokens, sampling=sampling))))
            for sampling in samplings
        ]


def stopped(model: str, tokens: int, stop_at: int) -> Any:
    """Greedy ids; then the same with the id at index `stop_at` as a stop id."""
    with session(model) as live:
        free = ids(list(live.generate(request(PROMPT, tokens))))
        chunks = list(live.generate(request(PROMPT, tokens, stop_ids=(free[stop_at],))))
        finish = chunks[-1].finish
        return {"free": free, "stopped": ids(chunks), "reason": finish.reason if finish else None}


def past_the_end(model: str, tokens: int) -> Any:
    """Greedy ids after an end-of-text token, which must not end a forced length."""
    import llama_cpp

    with session(model) as live:
        end = llama_cpp.llama_vocab_eos(llama_cpp.llama_model_get_vocab(live._model))
        chunks = list(live.generate(request((*PROMPT, end), tokens)))
        return {"end": end, "ids": ids(chunks)}


def refused(model: str, n_ctx: int, requests: list[list[Any]], after: bool = True) -> Any:
    """[prompt ids, tokens] each: the error it gives, and that the session lives on after it."""
    answers = []
    with session(model, 8, n_ctx=n_ctx) as live:
        capacity = live.describe().context_tokens.value
        for prompt, tokens in requests:
            try:
                answers.append(["ok", len(ids(list(live.generate(request(prompt, tokens)))))])
            except RequestError as error:
                answers.append(["RequestError", str(error)])
        more = ids(list(live.generate(request(PROMPT[:4], 3)))) if after else []
    return {"capacity": capacity, "answers": answers, "after": len(more)}


def aborted(model: str) -> Any:
    """Break off after three tokens; then the whole again, beside a session never disturbed."""
    with session(model) as live:
        whole = ids(list(live.generate(request(PROMPT, 12))))
        stream = live.generate(request(PROMPT[::-1], 40))
        for _ in range(3):
            next(stream)
        busy = False
        try:
            live.generate(request(PROMPT, 1))
        except RequestError:
            busy = True
        stream.close()
        chunks = list(live.generate(request(PROMPT, 12)))
        unstarted = live.generate(request(PROMPT, 1))
        unstarted.close()
        forgotten = live.generate(request(PROMPT, 9))
        next(forgotten)
        del forgotten
        last = ids(list(live.generate(request(PROMPT, 12))))
        finish = chunks[-1].finish
        return {
            "whole": whole,
            "again": ids(chunks),
            "last": last,
            "busy": busy,
            "cached": finish.cached_prompt_tokens if finish else None,
        }


def closed_while_streaming(model: str) -> Any:
    """Close the session under a stream, then pull at the stream."""
    with session(model) as live:
        stream = live.generate(request(PROMPT, 40))
        next(stream)
        live.close()
        rest = list(stream)
        try:
            live.generate(request(PROMPT, 1))
        except EngineError as error:
            return {"rest": len(rest), "then": str(error)}
    return {}


def load_failure(
    model: str, context: int = 64, address_space_gib: int = 0, **options: Any
) -> list[str]:
    """Type and message of the error a load gives; optionally with little memory to take."""
    if address_space_gib:
        limit = address_space_gib << 30
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        with opened(model, context, **options):
            return ["loaded", ""]
    except EngineError as error:
        return [type(error).__name__, str(error)]


def failures_then_success(bad: list[str], model: str) -> Any:
    """Failed loads must leave the process able to load and generate."""
    errors = [load_failure(path) for path in bad]
    with session(model) as live:
        return {"errors": errors, "tokens": len(ids(list(live.generate(request(PROMPT, 5)))))}


def reloaded(model: str, times: int, context: int) -> list[int]:
    """Resident bytes after each load, generation and close, in one process."""
    resident = []
    for _ in range(times):
        with session(model, context) as live:
            live.reset()
            list(live.generate(request(PROMPT, 4)))
        live.close()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/statm") as file:  # noqa: PTH123
            resident.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return resident


def printed(model: str) -> str:
    """All that reaches file descriptor 1 while a model is loaded, used and closed."""
    with tempfile.TemporaryFile() as taken:
        saved = os.dup(1)
        os.dup2(taken.fileno(), 1)
        try:
            with session(model) as live:
                list(live.generate(request(PROMPT, 4)))
                live.describe()
                live.memory()
                live.reset()
            load_failure(os.devnull)
            sys.stdout.flush()
        finally:
            os.dup2(saved, 1)
            os.close(saved)
        taken.seek(0)
        return taken.read().decode()


def described(model: str, context: int = 512, **options: Any) -> Any:
    """`describe()` and `memory()`."""
    with opened(model, context, **options) as live:
        return msgspec.to_builtins({"loaded": live.describe(), "memory": live.memory()})


def tokenised(model: str, texts: list[str]) -> list[list[int]]:
    """Ids of each text."""
    with session(model) as live:
        return [live.tokenize(text) for text in texts]


if __name__ == "__main__":
    outcome = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(outcome))
