"""The contract between crossbench and its plugins, version 1.

With `hookspecs.hookimpl` this is all that a plugin may import. It needs nothing but msgspec,
because the worker imports it inside every engine's environment. Version 1 is frozen: what comes to
it has a default, what is here stays as it is (docs/plugins.md tells the policy).

A plugin *declares* backends through the hook `crossbench_backends` (see `hookspecs`) and *does the
work* in objects that exist only inside the worker process::

    BackendSpec -> Backend.load() -> Session.generate() -> Chunk, Chunk, ..., the last with Finish

Three rules make the numbers fair. Token ids go in and token ids come out. No plugin reads a
clock: the worker stamps each chunk as it arrives. What an engine resolved is described, not what
was asked.

Errors a backend may raise::

    BackendError
    ├── RequestError          this sample failed; the session lives
    └── EngineError           the launch is over
        ├── OutOfMemory       the device or the host had too little memory
        └── Unsupported       this build, model or device cannot do what the options ask
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from crossbench.vocabulary import tokenizer_json_tokens

if TYPE_CHECKING:
    from crossbench.report.model import Report

__all__ = [
    "CONTRACT",
    "ENTRY_POINT_GROUP",
    "Applies",
    "Aspect",
    "Backend",
    "BackendError",
    "BackendSpec",
    "Boundary",
    "Capability",
    "Channel",
    "Chunk",
    "Device",
    "DeviceMemory",
    "EnergyScope",
    "EngineError",
    "EnvSpec",
    "Fact",
    "Finding",
    "Finish",
    "Generation",
    "Loaded",
    "ModelRef",
    "Needs",
    "OutOfMemory",
    "Parallelism",
    "Probe",
    "ProbeAbsent",
    "ProbeSpec",
    "Reporter",
    "ReporterSpec",
    "Request",
    "RequestError",
    "Sampling",
    "ScoringSession",
    "Session",
    "Severity",
    "Source",
    "TokenScore",
    "Unsupported",
    "Vocabulary",
    "tokenizer_json_tokens",
]

CONTRACT = 1
ENTRY_POINT_GROUP = f"crossbench.v{CONTRACT}"


# Declaring a backend


class Capability(Enum):
    """What a backend can do beyond streaming one request; a suite's needs are held against it."""

    TOKEN_IDS = "token_ids"
    """Chunks carry token ids, so tokens are counted rather than inferred from text."""
    RESET = "reset"
    """`Session.reset` drops every cached prefix, and `Finish.cached_prompt_tokens` proves it."""
    BATCH = "batch"
    """Several requests may run at once; `Session.generate` returns asynchronous iterators."""
    SEED = "seed"
    """Equal seeds give equal samples at a temperature above zero."""
    FORCED_IDS = "forced_ids"
    """A request's `forced_ids` are decoded along, whatever the model would say."""
    SCORE = "score"
    """The session is a `ScoringSession`."""


Aspect: TypeAlias = Literal["context", "kv_dtype", "prefix_cache"]
"""Tokens of context, type of the KV cache, whether a prefix cache is on."""
Severity: TypeAlias = Literal["unfair", "risk", "note"]
"""The comparison would mislead; the target may fail or crawl; worth knowing."""


class Applies(Struct, frozen=True, kw_only=True):
    """When an environment variant fits a machine. An empty condition always fits."""

    platforms: tuple[str, ...] = ()
    """Any of "linux-x86_64", "linux-aarch64", "macos-arm64"; empty for all."""
    device: Literal["cuda", "metal"] | None = None
    """The kind of accelerator that must be present."""
    tools: tuple[str, ...] = ()
    """Programs that must be on the PATH, such as "nvcc"."""


class EnvSpec(Struct, frozen=True, kw_only=True):
    """One isolated Python environment of a backend: what `uv` installs, and when it applies."""

    requirements: tuple[str, ...]
    """PEP 508 requirements of the engine. Empty: the host's own interpreter serves."""
    overrides: tuple[str, ...] = ()
    """Requirements that replace what a dependency asks for (uv's overrides)."""
    build_settings: Mapping[str, Mapping[str, str]] = {}
    """Package -> PEP 517 config settings, such as {"cmake.define.GGML_CUDA": "ON"}."""
    wheels_serve: bool = False
    """Whether a prebuilt wheel will do all the same, where the user's indexes have one."""
    build_tools: tuple[str, ...] = ()
    """Programs a build from source needs, such as "c++"; named when one of them is missing."""
    advice: str = ""
    """What to do where the installation fails, for a failure that users of some machines meet."""
    python: str = ">=3.11"
    """Version specifier of the interpreter."""
    applies: Applies = Applies()


class BackendSpec(Struct, frozen=True, kw_only=True):
    """An engine as a plugin provides it; strings name its classes: the host imports no engine."""

    name: str
    """What a suite writes: lower-case letters, digits and dashes."""
    factory: str
    """"package.module:Class" of a `Backend`, imported only inside the worker."""
    options: str
    """"package.module:Struct" of the options, a msgspec Struct; its module imports no engine."""
    distributions: tuple[str, ...]
    """Distributions whose versions every report records, the engine's own first."""
    environments: Mapping[str, EnvSpec]
    """Variant ("cpu", "cuda", "metal", ...) -> environment; the first that applies is chosen."""
    capabilities: frozenset[Capability]
    aspects: Mapping[Aspect, str] = {}
    """What some options mean, so that targets of different engines compare: aspect -> option."""
    commands: tuple[str, ...] = ()
    """Options that name a program to start; a suite's are used only with `--trust`."""


class Finding(Struct, frozen=True, kw_only=True):
    """Something in a plan that its owner should know before it runs; see `crossbench_lint`."""

    rule: str
    """Lower-case letters, digits and dashes; what `--ignore` takes."""
    severity: Severity
    targets: tuple[str, ...]
    evidence: str
    """What was found, with its values."""
    fix: str
    """What to do about it."""


# Loading a model


class ModelRef(Struct, frozen=True, kw_only=True):
    """The artifact to load: a file or directory on this machine."""

    path: str
    name: str


class Needs(Struct, frozen=True, kw_only=True):
    """What the plan will ask of the session, known at load because engines size buffers there."""

    context_tokens: int
    """The longest prompt plus output, in tokens, of any request of the suite, run or not."""
    streams: int = 1
    """Requests that may be in flight at once."""
    forced_ids: bool = False
    """Whether some request carries `forced_ids`; never without FORCED_IDS."""
    scoring: bool = False
    """Whether `score` will be called; never without SCORE. Such a load is never timed."""
    score_top_k: int = 0
    """The largest `top_k` that `score` will be called with."""


T = TypeVar("T")
Source: TypeAlias = Literal["api", "log", "artifact", "config"]
"""The engine's own interface, its log, the model's files, or what it was set to."""


class Fact(Struct, Generic[T], frozen=True):
    """Something an engine tells of itself, with where it was read; None where it does not tell."""

    value: T | None
    source: Source


class Boundary(Enum):
    """Where a stamp is taken; stamps of different boundaries are not compared unlabelled."""

    LIBRARY = "library"
    """In process, beside the engine's own calls."""
    ASYNC_ENGINE = "async_engine"
    """Behind an engine core in another process."""
    HTTP = "http"
    """Behind a server."""


class Parallelism(Enum):
    """How several devices share one model."""

    NONE = "none"
    PIPELINE = "pipeline"
    TENSOR = "tensor"
    DATA = "data"


class Device(Struct, frozen=True, kw_only=True):
    """One device a session uses, named by UUID or PCI address, never by an index."""

    id: str
    name: str
    kind: Literal["cpu", "gpu", "other"]
    total_bytes: int | None = None


class Loaded(Struct, frozen=True, kw_only=True):
    """What the engine really resolved, as the report prints it."""

    boundary: Boundary
    engine_build: Fact[str]
    """The engine's own version or commit, not only its Python binding's."""
    parallelism: Fact[Parallelism]
    devices: tuple[Device, ...]
    context_tokens: Fact[int]
    """Tokens one request may hold."""
    weight_bytes: Fact[int]
    parameters: Fact[int]
    """Parameters of the model; with `weight_bytes` this gives bits per weight."""
    kv_dtype: Fact[str]
    kv_capacity_tokens: Fact[int]
    attention: Fact[str]
    """Attention kernel as resolved, such as "flash" or "standard"."""
    prefix_cache: Fact[bool]
    prompt: Literal["ids", "text", "template"] = "ids"
    """How prompts reach the engine: as the very ids, as text that it tokenises to the same ids, or
    inside a chat template of its own, so that what it computes is not the suite's prompt."""
    settings: Mapping[str, Fact[Any]] = {}
    """Other resolved settings worth comparing: batch sizes, offloaded layers. Two targets are held
    side by side on "threads" and "threads_batch" (CPU threads of decoding and of prefill), and on
    "speculative" (the kind of speculative decoding, "none" where each token is the model's own)."""
    ignored: tuple[str, ...] = ()
    """Requested options that the engine does not honour."""


class DeviceMemory(Struct, frozen=True, kw_only=True):
    """The engine's own split of its memory on one device, in bytes; None where it does not tell."""

    weights_bytes: int | None = None
    kv_bytes: int | None = None
    compute_bytes: int | None = None
    used_bytes: int | None = None
    """All that the engine holds there, by its allocator."""
    cache_bytes: int | None = None
    """What of that is in no use now, and kept for use again."""
    peak_bytes: int | None = None
    """The most that was in use at once since the process began."""


# Generating


class Sampling(Struct, frozen=True, kw_only=True):
    """How tokens are chosen. Temperature 0 is greedy."""

    temperature: float = 0.0
    top_k: int = 0
    """0 for all."""
    top_p: float = 1.0
    seed: int = 0


class Request(Struct, frozen=True, kw_only=True):
    """One prompt to continue, as ids of the model's canonical tokenizer, BOS included."""

    id: str
    prompt_ids: tuple[int, ...]
    max_tokens: int
    stop_ids: tuple[int, ...] = ()
    """Ids that end the output. Empty: exactly `max_tokens` are produced, end-of-text included."""
    sampling: Sampling = Sampling()
    forced_ids: tuple[int, ...] = ()
    """The output itself, `max_tokens` ids that are fed one after the other in place of what the
    model would choose, each at the moment it would have been chosen. Empty: the model chooses."""


class Finish(Struct, frozen=True, kw_only=True):
    """How a request ended; carried by its last chunk."""

    reason: Literal["length", "stop"]
    cached_prompt_tokens: int | None = None
    """Prompt tokens the engine did *not* compute; None where it does not tell."""
    output_tokens: int | None = None
    """Tokens of the whole output, from a backend without TOKEN_IDS; never what was requested."""
    counted_by: Literal["usage", "text"] | None = None
    """Whence `output_tokens`: the engine's own count, or tokenising the whole text again."""
    reasoning_tokens: int | None = None
    """Those of the output that are reasoning and not answer; None where nobody counts them."""
    drafted_tokens: int | None = None
    """Tokens that speculative decoding proposed; None without it, or where it is not told."""
    accepted_tokens: int | None = None
    """Those of them that the model kept: never more than were drafted, nor than the output has."""
    native: Mapping[str, float] = {}
    """The engine's own figures (its tokens per second, say): shown beside ours, never compared."""


class Chunk(Struct, frozen=True):
    """Tokens that became visible together, in order: one of several where a step of speculative
    decoding kept several. Text of the whole need not be sent."""

    token_ids: tuple[int, ...] | None
    """None only from a backend without TOKEN_IDS."""
    text: str | None = None
    finish: Finish | None = None
    tokens: int | None = None
    """How many tokens it holds, from an engine that counts them and does not tell their ids."""
    reasoning: bool = False
    """Whether it holds nothing but reasoning ahead of the answer, from an engine that tells them
    apart. The chunk in which the answer begins is answer; `text` carries both alike."""


Generation: TypeAlias = Iterator[Chunk] | AsyncIterator[Chunk]
"""What `Session.generate` returns: asynchronous where several requests run at once."""


# Checking


class Vocabulary(Struct, frozen=True, kw_only=True):
    """What the artifact itself says of its tokenizer, to be held against the suite's."""

    tokens: tuple[bytes | None, ...]
    """The bytes each id stands for, special tokens spelled out; None for an id without any.
    `tokenizer_json_tokens` reads them from a tokenizer.json."""
    bos_id: int | None
    adds_bos: bool | None
    """Whether the artifact's own tokenizer would put BOS in front; None where it does not tell."""
    chat_template: str | None
    """Jinja source; None where the artifact carries none."""


class TokenScore(Struct, frozen=True):
    """How likely the model finds one given id."""

    logprob: float
    """Natural logarithm of its probability, given all ids before it."""
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest ids at its place with their log-probabilities, best first."""


class Session(Protocol):
    """A loaded model. Any method but `generate`, which returns an iterator of either kind, may also
    be a coroutine; the worker keeps one event loop for life.

    Closing the iterator of `generate` early aborts the request and frees its KV cache.
    """

    def describe(self) -> Loaded | Awaitable[Loaded]:
        """What the engine resolved."""
        ...

    def tokenize(self, text: str) -> list[int] | Awaitable[list[int]]:
        """Ids by the artifact's own tokenizer, special tokens parsed, none added."""
        ...

    def vocabulary(self) -> Vocabulary | Awaitable[Vocabulary]:
        """What the artifact says of its tokenizer; RequestError from a session that cannot tell."""
        ...

    def generate(self, request: Request) -> Generation:
        """Stream the continuation; the last chunk carries the finish.

        A stop id that ends it is its last token. Text may leave out whole tokens, such as special
        ones. Raises RequestError when this request failed, as one must whose ids are outside the
        vocabulary or whose prompt and output exceed the context; EngineError when the session is
        lost.
        """
        ...

    def memory(
        self,
    ) -> Mapping[str, DeviceMemory] | Awaitable[Mapping[str, DeviceMemory]]:
        """Device id -> the engine's own split of its memory now."""
        ...

    def reset(self) -> Awaitable[None] | None:
        """Drop every cached prefix and wait until the device is idle."""
        ...

    def close(self) -> Awaitable[None] | None:
        """Free the model; called once, and safe when loading was incomplete."""
        ...


class ScoringSession(Session, Protocol):
    """What a session of a backend with SCORE is besides."""

    def score(
        self, ids: Sequence[int], top_k: int, first: int
    ) -> Sequence[TokenScore] | Awaitable[Sequence[TokenScore]]:
        """How likely the model finds each of ids[first:], given all ids before it; first >= 1.

        With each go the `top_k` likeliest ids. Keeps nothing in the cache.
        """
        ...


class Backend(Protocol):
    """Made once in the worker, without arguments, by `BackendSpec.factory`."""

    def load(self, model: ModelRef, options: Any, needs: Needs) -> Session | Awaitable[Session]:
        """Load the artifact. `options` is an instance of `BackendSpec.options`.

        Raises EngineError, or one of its kinds, with the cause in its message.
        """
        ...


# Probing the machine while work runs


EnergyScope: TypeAlias = Literal["gpu_board", "soc_package", "cpu_package", "wall"]
"""A graphics card with its memory; a chip with its memory; a processor; all that is plugged in."""


class Channel(Struct, frozen=True, kw_only=True):
    """One quantity of one device, as a probe reads it again and again."""

    device: str
    """A UUID or PCI address, or "host", "cpu-0" and the like; never an index of devices."""
    quantity: str
    """Such as "power" or "memory_used"."""
    unit: str
    """ "W", "J", "B", "Hz", "B/s", "%", "\u00b0C", or "" for a plain number."""
    kind: Literal["gauge", "counter"]
    """A state that is read, or a sum that only grows, of which differences count."""
    wraps_at: float | None = None
    """Where a counter starts again from 0."""
    scope: EnergyScope | None = None
    """Of power and energy: what is inside of it. Without one they are shown, and not counted."""


class ProbeAbsent(Exception):
    """There is nothing here that the probe could read; its message says why."""


class Probe(Protocol):
    """Made once in the probing process, without arguments, by `ProbeSpec.factory`."""

    def open(self) -> Sequence[Channel]:
        """What it will read, in this order. Raises ProbeAbsent."""
        ...

    def read(self) -> Sequence[float | None]:
        """The channels now; None for one that cannot be read."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class ProbeSpec(Struct, frozen=True, kw_only=True):
    """A probe as a plugin provides it; read in a process of its own, beside the timed ones."""

    name: str
    """Lower-case letters, digits and dashes."""
    factory: str
    """"package.module:Class" of a `Probe`, imported only in the probing process."""


# Rendering a report


class Reporter(Protocol):
    """A pure function: the same report gives the same bytes, whenever and wherever."""

    def __call__(self, report: Report) -> bytes:
        """The file's content. `report` holds what `report.json` does, under the same names."""
        ...


class ReporterSpec(Struct, frozen=True, kw_only=True):
    """An output format as a plugin provides it: `crossbench report RUN --format NAME`."""

    name: str
    """Lower-case letters, digits and dashes."""
    ending: str
    """Of the file beside `report.md`: "junit.xml" makes `report.junit.xml`."""
    render: str
    """"package.module:function", a `Reporter`, imported only when the format is asked for."""


# Failing


class BackendError(Exception):
    """Base of what a backend raises on purpose; its message is shown to the user."""


class RequestError(BackendError):
    """This request failed and the session lives on."""


class EngineError(BackendError):
    """The session is lost and the launch is over."""


class OutOfMemory(EngineError):
    """The device or the host had too little memory."""


class Unsupported(EngineError):
    """This build, model or device cannot do what the options ask."""
