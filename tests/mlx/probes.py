"""What a worker cannot show, inside the engine's interpreter: `python -m tests.mlx.probes NAME`.

Each public function takes JSON values and returns one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from crossbench.api import BackendError, EngineError, ModelRef, Needs, Request, RequestError
from crossbench_mlx.engine import Mlx
from crossbench_mlx.options import MlxOptions
from crossbench_mlx.session import MlxSession

PROMPT = tuple(range(20, 80))


def _load(path: str) -> MlxSession:
    options = MlxOptions(dtype="float32")
    loaded = Mlx().load(ModelRef(path=path, name="tiny"), options, Needs(context_tokens=100))
    assert isinstance(loaded, MlxSession)
    return loaded


def _request(tokens: int) -> Request:
    return Request(id="r", prompt_ids=PROMPT, max_tokens=tokens)


def _ids(session: MlxSession, tokens: int) -> list[int]:
    return [each for chunk in session.generate(_request(tokens)) for each in chunk.token_ids or ()]


def _kv_bytes(session: MlxSession) -> int:
    (memory,) = session.memory().values()
    return memory.kv_bytes or 0


def load_failures(paths: list[str]) -> list[list[str]]:
    """Type and message of the error that each path gives."""
    told = []
    for path in paths:
        try:
            _load(path).close()
            told.append(["none", "it loaded"])
        except BackendError as error:
            told.append([type(error).__name__, str(error)])
    return told


def request_failure(path: str) -> list[str]:
    """Type and message of the error that a request gives."""
    try:
        _ids(_load(path), 4)
    except BackendError as error:
        return [type(error).__name__, str(error)]
    return ["none", "it was served"]


def life(path: str) -> dict[str, Any]:
    """Break off in mid-stream with a step under way, ask again, and close twice."""
    session = _load(path)
    whole = _ids(session, 12)
    stream = session.generate(_request(40))
    for _ in range(3):
        next(stream)
    held, busy = _kv_bytes(session), False
    try:
        session.generate(_request(1))
    except RequestError:
        busy = True
    stream.close()
    freed = _kv_bytes(session)
    chunks = list(session.generate(_request(12)))
    finish = chunks[-1].finish
    unstarted = session.generate(_request(1))
    unstarted.close()
    forgotten = session.generate(_request(9))
    next(forgotten)
    del forgotten
    again = _ids(session, 12)
    session.close()
    session.close()
    (memory,) = session.memory().values()
    return {
        "whole": whole,
        "again": again,
        "cached": finish.cached_prompt_tokens if finish else None,
        "held": held,
        "busy": busy,
        "freed": freed,
        "used": memory.used_bytes,
        "after_close": _refusal(session),
    }


def _refusal(session: MlxSession) -> str:
    try:
        session.generate(_request(1))
    except EngineError as error:
        return str(error)
    return "served"


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](**json.loads(sys.argv[2])), sys.stdout)
