"""The kinds of servers behind one protocol: how each is told apart, and what it takes.

Most publish no schema of their requests, and one that drops a field it does not know says nothing,
so what a kind takes is written down here. Where a server does publish its schema, that is believed.

Read in the servers' own sources or manuals: vLLM 0.32 (`entrypoints/openai`), llama.cpp
(`tools/server/README.md`), Ollama (`openai/openai.go`), LM Studio (its page on OpenAI
compatibility), SGLang (`srt/entrypoints/openai/protocol.py`), TensorRT-LLM
(`serve/openai_protocol.py`), mlx-lm 0.32 (`server.py`), llama-cpp-python 0.3 (`server/types.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

KindName: TypeAlias = Literal[
    "vllm",
    "llama-server",
    "llama-cpp-python",
    "ollama",
    "lm-studio",
    "sglang",
    "tensorrt-llm",
    "mlx-lm",
]

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
"""Fields of OpenAI's own, which every server takes."""
_VLLMS = frozenset(
    {"ignore_eos", "min_tokens", "stop_token_ids", "top_k", "min_p", "repetition_penalty"}
)
"""Those of vLLM, which the two servers took over whose requests were modelled on its."""


class Place(Struct, frozen=True):
    """A value in the JSON of a page."""

    page: str
    keys: tuple[str, ...]


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of server."""

    name: KindName
    owner: str | None = None
    """`owned_by` of its models."""
    title: str | None = None
    """What the title in its schema holds."""
    sign: Place | None = None
    """What only it has, looked for where nothing else tells."""
    banner: str | None = None
    """How its `Server` header begins, of one whose models have no owner."""
    takes: frozenset[str]
    """Fields besides OpenAI's."""
    always: Mapping[str, Any] = {}
    """Fields sent with every request: caches that would make a prompt warm, off."""
    takes_ids: bool | None = None
    """Whether a prompt may be token ids; None where it is tried out."""
    counts_each: bool = False
    """Whether each event can carry the count so far (`continuous_usage_stats`)."""
    build: Place | None = None
    """Its version."""
    context: Place | None = None
    """Tokens that one request may hold."""
    tokenizer: str | None = None
    """The page that shows its tokenizer."""
    flush: str | None = None
    """The page whose POST drops every cached prefix."""


KINDS = (
    Kind(
        name="vllm",
        owner="vllm",
        takes=_VLLMS | {"return_token_ids"},
        counts_each=True,
        build=Place("/version", ("version",)),
        tokenizer="/tokenize",
    ),
    Kind(
        name="llama-server",
        owner="llamacpp",
        sign=Place("/props", ("default_generation_settings",)),
        takes=frozenset({"ignore_eos", "top_k", "min_p", "repeat_penalty", "cache_prompt"}),
        always={"cache_prompt": False},
        build=Place("/props", ("build_info",)),
        context=Place("/props", ("default_generation_settings", "n_ctx")),
        tokenizer="/tokenize",
    ),
    Kind(
        name="llama-cpp-python",
        title="llama.cpp Python API",
        takes=frozenset({"min_tokens", "top_k", "min_p", "repeat_penalty"}),
        takes_ids=False,
        tokenizer="/extras/tokenize",
    ),
    Kind(
        name="sglang",
        owner="sglang",
        sign=Place("/get_server_info", ("version",)),
        takes=_VLLMS,
        counts_each=True,
        build=Place("/get_server_info", ("version",)),
        flush="/flush_cache",
    ),
    Kind(
        name="tensorrt-llm",
        owner="tensorrt_llm",
        takes=_VLLMS,
        counts_each=True,
        build=Place("/version", ("version",)),
    ),
    Kind(
        name="lm-studio",
        owner="organization_owner",
        sign=Place("/api/v0/models", ("data",)),
        takes=frozenset({"top_k", "repeat_penalty"}),
        takes_ids=False,
    ),
    Kind(
        name="ollama",
        owner="library",
        sign=Place("/api/version", ("version",)),
        takes=frozenset(),
        takes_ids=False,
        build=Place("/api/version", ("version",)),
    ),
    Kind(
        name="mlx-lm",
        banner="BaseHTTP/",
        # Its repetition_penalty is off only where it is not sent.
        takes=frozenset({"top_k", "min_p", "logit_bias"}),
        takes_ids=False,
    ),
)


def named(name: KindName) -> Kind:
    """The kind of that name."""
    return next(kind for kind in KINDS if kind.name == name)


def by_word(owner: object, title: str, banner: str) -> Kind | None:
    """The kind that a model's owner, the schema's title or the `Server` header tells."""
    for kind in KINDS:
        if kind.owner is not None and kind.owner == owner:
            return kind
        if kind.title is not None and kind.title in title:
            return kind
        if kind.banner is not None and owner is None and banner.startswith(kind.banner):
            return kind
    return None
