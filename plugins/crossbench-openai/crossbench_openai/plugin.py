"""The declaration of the HTTP backend: what it needs, and how little a server promises."""

from __future__ import annotations

from collections.abc import Iterable

from crossbench.api import BackendSpec, Capability, EnvSpec
from crossbench.hookspecs import hookimpl


@hookimpl
def crossbench_backends() -> Iterable[BackendSpec]:
    """Servers on this machine or another, running already or started for the target.

    No TOKEN_IDS and no RESET: some servers send ids and tell what they had cached, most do not.
    """
    yield BackendSpec(
        name="openai",
        factory="crossbench_openai.engine:OpenAI",
        options="crossbench_openai.options:OpenAIOptions",
        distributions=("httptools", "tokenizers", "crossbench-openai"),
        environments={
            "any": EnvSpec(requirements=("httptools>=0.6.4", "tokenizers>=0.21", "msgspec>=0.20"))
        },
        capabilities=frozenset({Capability.BATCH}),
        commands=("command",),
    )
