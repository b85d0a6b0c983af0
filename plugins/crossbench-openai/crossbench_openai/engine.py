"""From options to a session on a running server, or to an error that says what is wrong there."""

from __future__ import annotations

from pathlib import Path

from crossbench.api import EngineError, ModelRef, Needs, RequestError
from crossbench_openai import prompt, server
from crossbench_openai.body import Bodies
from crossbench_openai.connection import Connection
from crossbench_openai.options import OpenAIOptions
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
        """Find the served model, what the server takes, and that it answers.

        `needs` is not used: the server was started by another, and refuses what is too long.

        Raises Unsupported, or EngineError with what the server said.
        """
        tokenizer = FolderTokenizer(Path(model.path))
        connection = Connection(options)
        try:
            told = await server.told_by(connection, options)
            form = await prompt.tried(connection, told, options, tokenizer)
        except BaseException as error:
            await connection.close()
            if isinstance(error, RequestError):
                raise EngineError(str(error)) from error
            raise
        prompts = Prompts(form, tokenizer)
        return OpenAISession(connection, told, Bodies(told, options), prompts, tokenizer)
