"""How a prompt reaches the server: as ids, as the text of the ids, or as a user's message.

Ids are proof by themselves. A text is sent only if it comes back as the same ids, BOS aside, which
some servers put in front by themselves: which do is tried out once at load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from crossbench.api import EngineError, RequestError, Unsupported
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.server import Server
from crossbench_openai.tokenizer import FolderTokenizer

if TYPE_CHECKING:
    from crossbench_openai.connection import Connection

Kind: TypeAlias = Literal["token ids", "text", "user message"]

TRIAL = "The quick brown fox jumps over the lazy dog."


class Form(Struct, frozen=True, kw_only=True):
    """What the server takes."""

    kind: Kind
    server_puts_bos: bool | None = None
    """In front of a text; None where it did not tell, or where it plays no part."""


class Prompts:
    """Prompts of a server, in its form."""

    def __init__(self, form: Form, tokenizer: FolderTokenizer) -> None:
        self.form = form
        self._tokenizer = tokenizer
        self._bare = form.server_puts_bos is not False
        """Whether BOS is left to the server; by default, as most put it."""

    def body(self, ids: Sequence[int]) -> Mapping[str, Any]:
        """The field that carries the prompt. Raises RequestError for an id of no vocabulary."""
        if self.form.kind == "token ids":
            return {"prompt": list(ids)}
        if self.form.kind == "text":
            return {"prompt": self._text(ids)}
        content = self._tokenizer.decode(ids, special=False)
        return {"messages": [{"role": "user", "content": content}]}

    def expected(self, ids: tuple[int, ...]) -> tuple[int, ...] | None:
        """The ids that the server works on; None where its own template decides.

        Raises RequestError where the text of the ids is that of other ids too.
        """
        if self.form.kind == "user message":
            return None
        if self.form.kind == "text":
            again = self._head(ids) + self._tokenizer.encode(self._text(ids))
            if again != ids:
                raise RequestError(
                    f"the server takes text only, and the prompt's {len(ids)} ids do not survive "
                    f"it: their text has {len(again)}, others among them; use prompts of words "
                    "that stand apart, or a server that takes ids"
                )
        return ids

    def _head(self, ids: Sequence[int]) -> tuple[int, ...]:
        head = self._tokenizer.head if self._bare else ()
        return head if tuple(ids[: len(head)]) == head else ()

    def _text(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(ids[len(self._head(ids)) :])


async def tried(
    connection: Connection, server: Server, options: OpenAIOptions, tokenizer: FolderTokenizer
) -> Form:
    """Find the form by asking for single tokens. Raises RequestError, EngineError."""
    if options.api == "chat":
        await _count(connection, server, {"messages": [{"role": "user", "content": TRIAL}]})
        return Form(kind="user message")
    ids = tokenizer.head + tokenizer.encode(TRIAL)
    takes = server.kind.takes_ids if server.kind else None
    wanted = takes is not False if options.ids_in is None else options.ids_in
    if wanted and await _takes_ids(connection, server, options, ids):
        return Form(kind="token ids")
    count = await _count(connection, server, {"prompt": TRIAL})
    if count is None or not tokenizer.head:
        puts_bos = None
    elif count in (len(ids), len(ids) - len(tokenizer.head)):
        puts_bos = count == len(ids)
    else:
        raise EngineError(
            f"the server counts {count} tokens in {TRIAL!r}, the artifact's tokenizer "
            f"{len(ids)} with BOS; the artifact must be the folder of the model that is served"
        )
    return Form(kind="text", server_puts_bos=puts_bos)


async def _takes_ids(
    connection: Connection, server: Server, options: OpenAIOptions, ids: tuple[int, ...]
) -> bool:
    """Whether the server reads numbers as ids. Raises Unsupported where it must and does not."""
    try:
        count = await _count(connection, server, {"prompt": list(ids)})
    except RequestError as error:
        if options.ids_in:
            raise Unsupported(f"ids_in is true and the server takes no ids: {error}") from error
        return False
    if options.ids_in and count not in (None, len(ids)):
        raise Unsupported(
            f"ids_in is true, and of {len(ids)} ids the server counted {count} tokens"
        )
    return options.ids_in is True or count == len(ids)


async def _count(connection: Connection, server: Server, prompt: Mapping[str, Any]) -> int | None:
    """Prompt tokens of a one-token answer, by the server's usage."""
    body = {"model": server.model, "max_tokens": 1, "temperature": 0.0, **prompt}
    told = await connection.ask(server.path, body)
    usage = told.get("usage") if isinstance(told, dict) else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else None
