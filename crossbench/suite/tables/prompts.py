"""What a suite, or a file that several suites share, says of a prompt."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from crossbench.suite.tables.values import Filled, Table, Text, TokenId

Role = Literal["system", "user", "assistant"]


class Message(Table, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Annotated[Role, Meta(description="Who speaks.")]
    content: Annotated[Text, Meta(description="What is said.")]


class PromptTable(Table, frozen=True, kw_only=True):
    """One prompt, given in exactly one of four ways."""

    messages: Annotated[
        Filled[Message] | None, Meta(description="A conversation, rendered by the chat template.")
    ] = None
    text: Annotated[Text | None, Meta(description="Raw text, without the chat template.")] = None
    ids: Annotated[
        Filled[TokenId] | None,
        Meta(description="Token ids of the canonical tokenizer, used verbatim."),
    ] = None
    file: Annotated[
        Text | None, Meta(description="A UTF-8 text file, relative to the file that names it.")
    ] = None


class PromptFile(Table, frozen=True, kw_only=True):
    """A file of prompts that several suites may share."""

    prompts: Filled[PromptTable]
