"""From options to a session on a server, or to an error that says what is wrong there."""

from __future__ import annotations

from pathlib import Path

from crossbench.api import EngineError, ModelRef, Needs, RequestError
from crossbench_openai import prompt, server
from crossbench_openai.body import Bodies
from crossbench_openai.connection import Connection
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.process import ServerProcess
from crossbench_openai.prompt import Prompts
from crossbench_openai.session import OpenAISession
from crossbench_openai.tokenizer import FolderTokenizer


class OpenAI:
    """The HTTP backend, as the worker makes it."""

    async def load(
        self,
        model: ModelRef,
        options: OpenAIOptions,
        needs: Needs,  # noqa: ARG002
    ) -> OpenAISession:
        """Start the server if it is ours; find the model, what is taken, and that it answers.

        `needs` is not used: a server has its own settings, and refuses what is too long.

        Raises Unsupported, or EngineError with what the server said.
        """
        tokenizer = FolderTokenizer(Path(model.path))
        process = ServerProcess(options, model.path) if options.command else None
        connection: Connection | None = None
        try:
            base_url = process.base_url if process else options.base_url or ""
            connection = Connection(options, base_url)
            if process:
                await process.ready(connection)
            told = await server.told_by(connection, options, base_url)
            form = await prompt.tried(connection, told, options, tokenizer)
        except BaseException as error:
            if connection:
                await connection.close()
            if process:
                await process.end()
            if isinstance(error, RequestError):
                raise EngineError(str(error)) from error
            raise
        prompts = Prompts(form, tokenizer)
        bodies = Bodies(told, options, tokenizer.ends)
        return OpenAISession(connection, told, bodies, prompts, tokenizer, process)
