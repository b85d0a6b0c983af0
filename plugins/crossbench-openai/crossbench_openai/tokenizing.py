"""The server's own tokenizer, where it shows one: neither page is part of OpenAI's protocol."""

from __future__ import annotations

from typing import Any

from crossbench.api import RequestError
from crossbench_openai.connection import Connection
from crossbench_openai.server import Server

VLLM = "/tokenize"
LLAMA_CPP_PYTHON = "/extras/tokenize"


async def ids(connection: Connection, server: Server, text: str) -> list[int]:
    """Ids of this text, special tokens parsed and none added. Raises RequestError, EngineError."""
    if VLLM in server.pages:
        body = {"model": server.model, "prompt": text, "add_special_tokens": False}
        return _tokens(await connection.ask(VLLM, body))
    if LLAMA_CPP_PYTHON in server.pages:
        bare = await _with_bos(connection, server, "")
        whole = await _with_bos(connection, server, text)
        return whole[len(bare) :] if whole[: len(bare)] == bare else whole
    raise RequestError("the server does not show its tokenizer")


async def _with_bos(connection: Connection, server: Server, text: str) -> list[int]:
    body = {"model": server.model, "input": text}
    return _tokens(await connection.ask(LLAMA_CPP_PYTHON, body))


def _tokens(answer: Any) -> list[int]:
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise RequestError("the server's tokenizer gave no list of ids")
    return tokens
