"""What a server tells of itself before anything is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from crossbench.api import EngineError
from crossbench_openai.connection import Connection
from crossbench_openai.options import OpenAIOptions

PATHS = {"completions": "completions", "chat": "chat/completions"}
STANDARD = frozenset(
    {
        "max_tokens",
        "messages",
        "model",
        "prompt",
        "seed",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
    }
)
"""Fields that a server takes which does not publish its schema."""
UNNAMED = "FastAPI"
"""Title of an application that was given none."""


class Server(Struct, frozen=True, kw_only=True):
    """A server, as far as it tells."""

    model: str
    build: str | None
    context_tokens: int | None
    path: str
    """Of the requests to measure, below `base_url`."""
    fields: frozenset[str]
    """Of a request's body."""
    schema_told: bool
    """Whether `fields` was read from the server's own schema."""
    pages: frozenset[str]
    """Absolute paths that its schema names."""


async def told_by(connection: Connection, options: OpenAIOptions) -> Server:
    """Ask the server. Raises EngineError where it has no such model, RequestError, EngineError."""
    served = _chosen(await connection.page("models"), options.model)
    schema = await connection.optional("/openapi.json")
    version = await connection.optional("/version")
    path = PATHS[options.api]
    fields = _fields(schema, f"{urlsplit(options.base_url).path.rstrip('/')}/{path}")
    context = served.get("max_model_len")
    return Server(
        model=served["id"],
        build=_build(served, version, schema),
        context_tokens=context if isinstance(context, int) else None,
        path=path,
        fields=fields or STANDARD,
        schema_told=bool(fields),
        pages=frozenset(_mapping(_mapping(schema).get("paths"))),
    )


def _chosen(listing: Any, wanted: str | None) -> Mapping[str, Any]:
    entries = _mapping(listing).get("data")
    served = {
        entry["id"]: entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    }
    known = ", ".join(served) or "none"
    if wanted is None:
        if len(served) == 1:
            return next(iter(served.values()))
        raise EngineError(f"the server has {len(served)} models ({known}); name one in model")
    if wanted not in served:
        raise EngineError(f"the server has no model {wanted!r}; it has: {known}")
    return served[wanted]


def _build(served: Mapping[str, Any], version: Any, schema: Any) -> str | None:
    """Name and version of the server, from its version page or else its schema."""
    told = _mapping(version).get("version")
    if isinstance(told, str):
        return f"{served.get('owned_by', 'server')} {told}"
    info = _mapping(_mapping(schema).get("info"))
    title, told = info.get("title"), info.get("version")
    if isinstance(title, str) and isinstance(told, str) and title != UNNAMED:
        return f"{title} {told}"
    return None


def _fields(schema: Any, path: str) -> frozenset[str]:
    """Names that the body of a POST may hold, from an OpenAPI document; empty if it says none."""
    found = schema
    for name in ("paths", path, "post", "requestBody", "content", "application/json", "schema"):
        found = _mapping(found).get(name)
    reference = _mapping(found).get("$ref")
    if isinstance(reference, str):
        found = schema
        for name in reference.removeprefix("#/").split("/"):
            found = _mapping(found).get(name)
    return frozenset(_mapping(_mapping(found).get("properties")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
