"""What only the engine's own interpreter can see: `python -m tests.llamacpp.peeks NAME`.

As `probes`: each public function takes JSON values and returns one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import Any

import numpy as np

from crossbench.api import RequestError, Unsupported
from tests.llamacpp.probes import decoded, ids, request, session


@contextmanager
def tokenizer_of(path: str) -> Iterator[Any]:
    """A GGUF loaded without its tensors."""
    import llama_cpp

    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    assert model
    yield model
    llama_cpp.llama_model_free(model)


def untold(path: str) -> list[str]:
    """What is said of a GGUF without a tokenizer when its vocabulary or ids are asked for."""
    import llama_cpp

    from crossbench_llamacpp import vocabulary as room

    said = []
    with tokenizer_of(path) as model:
        vocab = llama_cpp.llama_model_get_vocab(model)
        asked: list[Callable[[], object]] = [
            lambda: room.read(model),
            lambda: room.tokenize(vocab, "a"),
        ]
        for ask in asked:
            try:
                ask()
            except RequestError as error:
                said.append(str(error))
    return said


def vocabulary(path: str, entries: bool = True) -> Any:
    """The vocabulary of a GGUF without tensors, in hexadecimal, and how long reading it took."""
    from crossbench_llamacpp import vocabulary as room

    with tokenizer_of(path) as model:
        began = process_time()
        told = room.read(model)
        spent = process_time() - began
    return {
        "tokens": [entry and entry.hex() for entry in told.tokens] if entries else None,
        "count": len(told.tokens),
        "bos_id": told.bos_id,
        "adds_bos": told.adds_bos,
        "chat_template": told.chat_template,
        "cpu_seconds": spent,
    }


def lacking(function: str) -> list[str]:
    """What is said when llama.cpp's RPC backend lacks a function, as a build without it does."""
    from crossbench_llamacpp import rpc

    try:
        rpc.function(function, None)
    except Unsupported as error:
        return [type(error).__name__, str(error)]
    return []


def widened(model: str, path: str) -> None:
    """A copy of the model in f32: by f16 weights llama.cpp multiplies in f16."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_ALL_F32
    params.nthread = 1
    assert llama_cpp.llama_model_quantize(model.encode(), path.encode(), params) == 0


def along(model: str, prompt: list[int], forced: list[int], **options: Any) -> Any:
    """Along forced ids: what came, the log-probability each id had, and tokens decoded."""
    with session(model, **options) as live:
        found, chunks = [], []
        for chunk in live.generate(request(prompt, len(forced), forced_ids=tuple(forced))):
            (token,) = chunk.token_ids or ()
            row = live._logits.row().astype(np.float64)
            found.append(row[token] - row.max() - np.log(np.exp(row - row.max()).sum()))
            chunks.append(chunk)
        finish = chunks[-1].finish
        return {
            "ids": ids(chunks),
            "logprobs": [float(each) for each in found],
            "reason": finish.reason if finish else None,
            "cached": finish.cached_prompt_tokens if finish else None,
            "decoded": decoded(live, len(prompt), len(forced)),
        }


def drawn_along(model: str, prompt: list[int], forced: list[int]) -> Any:
    """Temperature, stop ids and forced ids together: the forced ids are what comes."""
    with session(model) as live:
        given = request(
            prompt,
            len(forced),
            forced_ids=tuple(forced),
            stop_ids=(forced[0],),
            sampling={"temperature": 2.0, "seed": 5},
        )
        return ids(list(live.generate(given)))


if __name__ == "__main__":
    outcome = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(outcome))
