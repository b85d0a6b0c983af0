"""What a server tells of itself before anything is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from crossbench.api import EngineError
from crossbench_openai import kinds
from crossbench_openai.kinds import KINDS, STANDARD, Kind, Place
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.refusal import quoted

if TYPE_CHECKING:
    from crossbench_openai.connection import Connection

PATHS = {"completions": "completions", "chat": "chat/completions"}
UNNAMED = "FastAPI"
"""Title of an application that was given none."""


class Server(Struct, frozen=True, kw_only=True):
    """A server, as far as it tells."""

    model: str
    kind: Kind | None
    """None where nothing tells it."""
    build: str | None
    context_tokens: int | None
    path: str
    """Of the requests to measure, below `base_url`."""
    fields: frozenset[str]
    """Of a request's body."""
    schema_told: bool
    """Whether `fields` was read from the server's own schema."""

    @property
    def sends_ids(self) -> bool:
        """Whether it sends the ids of what it sampled."""
        return "return_token_ids" in self.fields


async def told_by(connection: Connection, options: OpenAIOptions, base_url: str) -> Server:
    """Ask the server. Raises EngineError where it has no such model, RequestError, EngineError."""
    served = _chosen(await connection.page("models"), options.model)
    schema = await connection.optional("/openapi.json")
    path = PATHS[options.api]
    fields = _fields(schema, f"{urlsplit(base_url).path.rstrip('/')}/{path}")
    kind = await _kind(connection, options, served, schema)
    return Server(
        model=served["id"],
        kind=kind,
        build=await _build(connection, kind, schema),
        context_tokens=await _context(connection, kind, served),
        path=path,
        fields=fields or (STANDARD | kind.takes if kind else STANDARD),
        schema_told=bool(fields),
    )


def _chosen(listing: Any, wanted: str | None) -> Mapping[str, Any]:
    entries = _mapping(listing).get("data")
    served = {
        entry["id"]: entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    }
    known = quoted(", ".join(served) or "none")
    if wanted is None:
        if len(served) == 1:
            return next(iter(served.values()))
        raise EngineError(f"the server has {len(served)} models ({known}); name one in model")
    if wanted not in served:
        raise EngineError(f"the server has no model {wanted!r}; it has: {known}")
    return served[wanted]


async def _kind(
    connection: Connection, options: OpenAIOptions, served: Mapping[str, Any], schema: Any
) -> Kind | None:
    """As the suite says, else as the server's own words tell, else by a page only one kind has."""
    if options.server is not None:
        return kinds.named(options.server)
    title = _mapping(_mapping(schema).get("info")).get("title")
    owner, words = served.get("owned_by"), title if isinstance(title, str) else ""
    if found := kinds.by_word(owner, words, connection.banner):
        return found
    if words and words != UNNAMED:
        return None
    for kind in KINDS:
        if kind.sign and await _value(connection, kind.sign) is not None:
            return kind
    return None


async def _value(connection: Connection, place: Place | None) -> Any:
    if place is None:
        return None
    found = await connection.optional(place.page)
    for key in place.keys:
        found = _mapping(found).get(key)
    return found


async def _build(connection: Connection, kind: Kind | None, schema: Any) -> str | None:
    """Name and version of the server, from its version page or else its schema."""
    told = await _value(connection, kind.build) if kind else None
    if kind and isinstance(told, str):
        return f"{kind.name} {told}"
    info = _mapping(_mapping(schema).get("info"))
    title, told = info.get("title"), info.get("version")
    if isinstance(title, str) and isinstance(told, str) and title != UNNAMED:
        return f"{title} {told}"
    return None


async def _context(
    connection: Connection, kind: Kind | None, served: Mapping[str, Any]
) -> int | None:
    told = served.get("max_model_len")
    if told is None and kind is not None:
        told = await _value(connection, kind.context)
    return told if isinstance(told, int) else None


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
