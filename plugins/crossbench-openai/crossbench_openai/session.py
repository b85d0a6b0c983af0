"""A served model: requests go out as the server takes them, chunks come back as the network does.

Events that one read of the connection brings became visible together, so they make one chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress

from crossbench.api import (
    Chunk,
    DeviceMemory,
    Loaded,
    Request,
    RequestError,
    Vocabulary,
)
from crossbench_openai import describe, tokenizing
from crossbench_openai.answer import Answer
from crossbench_openai.body import Bodies
from crossbench_openai.connection import Connection
from crossbench_openai.events import Events
from crossbench_openai.process import ServerProcess
from crossbench_openai.prompt import Prompts
from crossbench_openai.server import Server
from crossbench_openai.tokenizer import FolderTokenizer


class OpenAISession:
    """One model of one server, several requests at once; see `crossbench.api.Session`."""

    def __init__(
        self,
        connection: Connection,
        server: Server,
        bodies: Bodies,
        prompts: Prompts,
        tokenizer: FolderTokenizer,
        process: ServerProcess | None = None,
    ) -> None:
        self._connection = connection
        self._server = server
        self._bodies = bodies
        self._prompts = prompts
        self._tokenizer = tokenizer
        self._process = process
        self._flying = 0
        self._most = 1
        """Requests in flight, now and at most since the last reset."""

    def describe(self) -> Loaded:
        """What the server told."""
        return describe.loaded(self._server, self._bodies, self._prompts.form)

    async def tokenize(self, text: str) -> list[int]:
        """Ids by the server's own tokenizer. Raises RequestError where it does not show one."""
        return await tokenizing.ids(self._connection, self._server, text)

    def vocabulary(self) -> Vocabulary:
        """RequestError: what the folder says of its ids proves nothing of the server's."""
        raise RequestError("a server does not show its vocabulary")

    async def generate(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Stream one continuation; a last chunk without content carries the finish.

        Raises RequestError for what the server refuses, breaks off or garbles, EngineError where
        no server answers any more.
        """
        if request.forced_ids:
            raise RequestError("no server takes ids to decode along")
        self._check_room(request)
        body = self._bodies.of(request, self._prompts.body(request.prompt_ids))
        answer, events = Answer(request.max_tokens, self._connection.secret), Events()
        self._flying += 1
        self._most = max(self._most, self._flying)
        try:
            async with self._connection.stream(self._server.path, body) as read:
                while piece := await read():
                    if chunk := answer.read(events.feed(piece)):
                        yield chunk
        finally:
            self._flying -= 1
        if self._prompts.form.kind == "text" or not answer.counted:
            # Texts are tokenised in a thread: other streams are still being timed on this loop.
            yield await asyncio.to_thread(self._judged, answer, request)
        else:
            yield self._judged(answer, request)

    def _judged(self, answer: Answer, request: Request) -> Chunk:
        return answer.last(self._prompts.expected(request.prompt_ids), self._count)

    def memory(self) -> Mapping[str, DeviceMemory]:
        """Nothing: a server does not tell."""
        return {}

    async def reset(self) -> None:
        """Drop cached prefixes where the server lets them be dropped, and reopen what it closed.

        So many connections are open afterwards as were last needed at once. Raises EngineError
        where no server answers any more.
        """
        if self._server.kind and self._server.kind.flush:
            with suppress(RequestError):  # what it had cached all the same, it tells
                await self._connection.tell(self._server.kind.flush)
        await self._connection.ready(self._most)
        self._most = 1

    async def close(self) -> None:
        """Close the connections, and end the server if it is ours."""
        await self._connection.close()
        if self._process:
            await self._process.end()

    def _check_room(self, request: Request) -> None:
        """Refuse what the server would cut without a word, as vLLM does."""
        context, prompt = self._server.context_tokens, len(request.prompt_ids)
        if context is not None and prompt + request.max_tokens > context:
            raise RequestError(
                f"{prompt} prompt and {request.max_tokens} output tokens are "
                f"{prompt + request.max_tokens}; the server holds {context}"
            )

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text))
