"""What a server told, as the report prints it; most of what an engine would say, a server hides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from crossbench.api import Boundary, Fact, Loaded
from crossbench_openai.body import Bodies
from crossbench_openai.prompt import Form
from crossbench_openai.server import Server

PROMPTS: Mapping[str, Literal["ids", "text", "template"]] = {
    "token ids": "ids",
    "text": "text",
    "user message": "template",
}
UNTOLD: Fact[Any] = Fact(None, "api")


def loaded(server: Server, bodies: Bodies, form: Form) -> Loaded:
    """The facts of a target behind a server; no device, since none of them is known."""
    settings: dict[str, Fact[Any]] = {
        "model": Fact(server.model, "api"),
        "server": Fact(server.kind.name if server.kind else None, "api"),
        "prompt sent as": Fact(form.kind, "api"),
        "fields known from": Fact(_known_from(server), "api"),
        "length forced by": Fact(bodies.forced_by, "api"),
    }
    if form.kind == "text":
        settings["BOS put by the server"] = Fact(form.server_puts_bos, "api")
    return Loaded(
        boundary=Boundary.HTTP,
        engine_build=Fact(server.build, "api"),
        parallelism=UNTOLD,
        devices=(),
        context_tokens=Fact(server.context_tokens, "api"),
        weight_bytes=UNTOLD,
        parameters=UNTOLD,
        kv_dtype=UNTOLD,
        kv_capacity_tokens=UNTOLD,
        attention=UNTOLD,
        prefix_cache=UNTOLD,
        prompt=PROMPTS[form.kind],
        settings=settings,
        ignored=(*_uncontrolled(form), *bodies.ignored()),
    )


def _known_from(server: Server) -> str:
    if server.schema_told:
        return "its schema"
    return "its kind" if server.kind else "the standard"


def _uncontrolled(form: Form) -> tuple[str, ...]:
    """What of the prompt is not ours."""
    if form.kind == "user message":
        return ("prompt ids: the server puts its own chat template around their text",)
    return ()
