"""The options of a target behind a server: where it is, how it is asked, and how it is started.

This module imports no HTTP client: the host reads it to check a suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from crossbench_openai.kinds import KindName

Api: TypeAlias = Literal["completions", "chat"]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

OURS = frozenset({"max_tokens", "messages", "model", "n", "prompt", "stream", "stream_options"})
"""Fields of a request's body that decide what is measured; a suite may not set them."""
OWN_URL = "http://127.0.0.1:{port}/v1"
"""Where a server that crossbench starts listens, unless the suite says otherwise."""


class OpenAIOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite may set for one target behind a server.

    Raises ValueError where an option makes no sense or two contradict each other.
    """

    base_url: Annotated[
        str | None,
        Meta(
            description="Where the server listens, as OpenAI clients are given it; ends in /v1. "
            "With command it may be left out: a free port of 127.0.0.1 is taken."
        ),
    ] = None
    model: Annotated[
        str | None, Meta(description="Name of the served model; absent: the only one served.")
    ] = None
    api: Annotated[
        Api,
        Meta(
            description="completions: the prompt as it is; chat: its text as one user message, "
            "around which the server puts its own template."
        ),
    ] = "completions"
    server: Annotated[
        KindName | None,
        Meta(description="The kind of server; absent: told apart by what it says of itself."),
    ] = None
    api_key_env: Annotated[
        str | None, Meta(description="Environment variable that holds the server's API key.")
    ] = None
    ids_in: Annotated[
        bool | None,
        Meta(
            description="Send prompts to completions as token ids (true) or as text (false); "
            "absent: as ids where the server takes them."
        ),
    ] = None
    extra_body: Annotated[
        dict[str, Any],
        Meta(description="Fields of the server's own, sent with every request as they are."),
    ] = {}
    command: Annotated[
        tuple[str, ...],
        Meta(
            description="Starts the server for this target, used only with --trust; {port}, "
            "{artifact} and {python} (this environment's interpreter) are filled in."
        ),
    ] = ()
    environ: Annotated[
        dict[str, str], Meta(description="Environment variables of the server that command starts.")
    ] = {}
    health: Annotated[
        str,
        Meta(description="Page that answers 200 once the server that command starts is ready."),
    ] = "/health"
    start_timeout_s: Annotated[
        Seconds, Meta(description="How long the server that command starts may take to be ready.")
    ] = 600.0
    connect_timeout_s: Annotated[
        Seconds, Meta(description="How long a connection may take to be accepted.")
    ] = 10.0
    read_timeout_s: Annotated[
        Seconds, Meta(description="How long the server may send nothing at all.")
    ] = 600.0

    def __post_init__(self) -> None:
        """Refuse what cannot work, each in one sentence that says what to change."""
        _check_start(self)
        if self.base_url is not None:
            _check_url(self.base_url)
        if self.ids_in and self.api == "chat":
            raise ValueError(
                "ids_in is true and api is chat, which takes messages only; "
                "drop ids_in, or set api to completions"
            )
        if named := next(_secret_names(self.extra_body), None):
            raise ValueError(
                f"extra_body holds {named}, and options are written into reports; a key goes into "
                "api_key_env"
            )
        if taken := sorted(OURS & self.extra_body.keys()):
            raise ValueError(
                f"extra_body sets {', '.join(taken)}, which crossbench sets itself; "
                f"not allowed are {', '.join(sorted(OURS))}"
            )


SECRET = frozenset(
    {"key", "apikey", "auth", "credential", "credentials", "pass", "passwd", "password", "pat"}
    | {"secret", "token"}
)
"""Words of names whose values are nobody's business."""
_SECRETS_GIVEN = re.compile(
    r"(?:^|[\s'\"])(-{1,2}(?:\w+[-_])*(?:api[-_]?key|secret|passw(?:or)?d|credentials?)"
    r"|-{1,2}(?:(?:access|api|auth|bearer|hf|hub)[-_])?token"
    r"|[A-Z_]*(?:KEY|TOKEN|SECRET|PASSWORD)(?==))(?:=|\s+(?!-))(?=\S)",
)
"""An option or a variable of a command, wherever in its words, that is set to a secret."""


def _check_start(options: OpenAIOptions) -> None:
    if options.base_url is None and not options.command:
        raise ValueError(
            "base_url is missing; set it to where the server listens, such as "
            "http://127.0.0.1:8000/v1, or set command to start one"
        )
    if options.environ and not options.command:
        raise ValueError("environ is set and command is not; it is for a server that is started")
    if options.command and not options.command[0]:
        raise ValueError("command begins with an empty word; its first word is the program")
    if given := _SECRETS_GIVEN.search(" ".join(options.command)):
        raise ValueError(
            f"command holds {given[1]}, and commands are written into reports; "
            "let the server read its key from an environment variable, and name that in "
            "api_key_env"
        )
    for name in options.environ:
        if SECRET & {*name.lower().split("_")}:
            raise ValueError(
                f"environ sets {name}, and options are written into reports; export it before the "
                "run, the server inherits it"
            )
    if not options.health.startswith("/") or not options.health.isascii() or " " in options.health:
        raise ValueError(f"health is {options.health!r}; it is a path from the root: /health")


def _secret_names(told: object) -> Iterator[str]:
    """Keys of JSON, however deep, under which a text lies that is a secret by its name."""
    if isinstance(told, list):
        for each in told:
            yield from _secret_names(each)
    elif isinstance(told, dict):
        for name, value in told.items():
            if isinstance(value, str) and SECRET & {*name.lower().replace("-", "_").split("_")}:
                yield name
            yield from _secret_names(value)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        fits = False
    plain = url.isascii() and url.isprintable() and " " not in url
    if not fits or not plain or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(
            f"base_url is {_shown(url)!r}; allowed is http:// or https://, a host, a port and a "
            "path, such as http://127.0.0.1:8000/v1; a key goes into api_key_env"
        )


def _shown(url: str) -> str:
    """The address without what may be a password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
