"""The server's own tokenizer, where it shows one: no such page is part of OpenAI's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossbench.api import RequestError
from crossbench_openai.server import Server

if TYPE_CHECKING:
    from crossbench_openai.connection import Connection

LLAMA_CPP_PYTHON = "/extras/tokenize"


async def ids(connection: Connection, server: Server, text: str) -> list[int]:
    """Ids of this text, special tokens parsed and none added. Raises RequestError, EngineError."""
    page = server.kind.tokenizer if server.kind else None
    if page is None:
        raise RequestError("the server does not show its tokenizer")
    if page == LLAMA_CPP_PYTHON:
        bare = await _with_bos(connection, server, "")
        whole = await _with_bos(connection, server, text)
        return whole[len(bare) :] if whole[: len(bare)] == bare else whole
    # vLLM reads the first two fields, llama-server the others.
    body = {
        **{"model": server.model, "prompt": text, "add_special_tokens": False},
        **{"content": text, "add_special": False, "parse_special": True},
    }
    return _tokens(await connection.ask(page, body))


async def _with_bos(connection: Connection, server: Server, text: str) -> list[int]:
    body = {"model": server.model, "input": text}
    return _tokens(await connection.ask(LLAMA_CPP_PYTHON, body))


def _tokens(answer: Any) -> list[int]:
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise RequestError("the server's tokenizer gave no list of ids")
    return tokens
