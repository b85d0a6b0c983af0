"""A suite file as it is written: one struct per TOML table, with the words that explain each key.

`load` turns a file into these, `expand` turns these into the `Suite` that a plan is made from.
The descriptions below are the reference of the format: `crossbench suite schema` prints them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct, field

SCHEMA = 1

NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$"
NAME_RULE = (
    "1 to 64 letters, digits, dots, dashes and underscores, beginning and ending with a "
    "letter or digit"
)
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description=NAME_RULE)]

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
PromptCount = Annotated[int, Meta(ge=8, le=10_000_000)]
TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
T = TypeVar("T")
Filled: TypeAlias = Annotated[list[T], Meta(min_length=1)]
"""A list with at least one entry."""
Matrix: TypeAlias = T | Filled[T]
"""A scalar, or a list of scalars that makes one variant each."""

Role = Literal["system", "user", "assistant"]
Profile = Literal["quick", "default", "publish"]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: every key is known, or it is an error."""


class ModelTable(_Table, frozen=True, kw_only=True):
    """The logical model that every target carries in some format."""

    name: Annotated[str, Meta(min_length=1, description="What the report calls the model.")]
    tokenizer: Annotated[
        str,
        Meta(
            min_length=1,
            description="Canonical tokenizer and chat template: a directory with tokenizer.json "
            "(and tokenizer_config.json), relative to the suite.",
        ),
    ]
    template_args: Annotated[
        dict[str, bool | int | float | str],
        Meta(description="Arguments of the chat template, such as enable_thinking."),
    ] = {}


class TargetNeeds(_Table, frozen=True, kw_only=True):
    """What a machine must have for a target; without it the target is unavailable, not failed."""

    cuda: Annotated[int, Meta(ge=0, le=64, description="CUDA devices.")] = 0
    platform: Annotated[
        Literal["linux-x86_64", "linux-aarch64", "macos-arm64"] | None,
        Meta(description="The only platform the target is meant for."),
    ] = None
    memory_gib: Annotated[float, Meta(ge=0, description="Host memory, in GiB.")] = 0


class TargetTable(_Table, frozen=True, kw_only=True):
    """Backend, artifact and options: one column of the comparison."""

    backend: Annotated[str, Meta(min_length=1, description="Name of a backend plugin.")]
    artifact: Annotated[
        Matrix[Text],
        Meta(description="Path of the model file or directory, relative to the suite."),
    ]
    variant: Annotated[
        str | None,
        Meta(
            description="Environment variant of the backend, where the automatic choice is wrong."
        ),
    ] = None
    requires: Annotated[
        list[Text],
        Meta(
            description="PEP 508 requirements of an environment of this target's own, such as "
            "vllm==0.32.0: each replaces the backend's for that distribution, or is added."
        ),
    ] = []
    python: Annotated[
        Text | None,
        Meta(description="Interpreter that has the engine, instead of an environment built."),
    ] = None
    build: Annotated[
        dict[str, dict[str, str]],
        Meta(description="Package -> settings of its build, such as cmake.define.GGML_NATIVE."),
    ] = {}
    needs: TargetNeeds = TargetNeeds()
    options: Annotated[
        dict[str, Any], Meta(description="Options of the backend, checked against its own struct.")
    ] = {}
    matrix: Annotated[
        dict[str, Filled[Any]],
        Meta(description="Option -> values: one target for each combination."),
    ] = {}


class Deadlines(_Table, frozen=True, kw_only=True):
    """Seconds a phase may take before the launch is ended as timed out."""

    build_s: Seconds = 3600.0
    load_s: Seconds = 900.0
    first_token_s: Seconds = 600.0
    chunk_gap_s: Seconds = 120.0
    close_s: Seconds = 30.0
    cool_s: Seconds = 600.0


class ProtocolTable(_Table, frozen=True, kw_only=True):
    """How often everything is measured, and in which order."""

    profile: Annotated[
        Profile, Meta(description="Preset of launches, repeats, warmups, burn_in and sentinel.")
    ] = "default"
    launches: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Worker processes per target."),
    ] = None
    repeats: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Timed passes over a scenario per launch."),
    ] = None
    warmups: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(description="Untimed passes per scenario and launch."),
    ] = None
    burn_in: Annotated[
        Annotated[int, Meta(ge=0, le=1)] | None,
        Meta(
            description="Launches of each target that go before the others and are not counted: "
            "they fill file and compile caches and bring the machine to its working heat."
        ),
    ] = None
    sentinel: Annotated[
        bool | None,
        Meta(
            description="Measure the first scenario of each launch once more at its end, to see "
            "what drifts within a launch."
        ),
    ] = None
    cool_down_s: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds to rest before each launch.")
    ] = 0.0
    start_below_c: Annotated[
        Annotated[float, Meta(ge=0, le=150)] | None,
        Meta(
            description="Rest before each launch until the hottest device is no hotter than this, "
            "in degrees Celsius, at most deadlines.cool_s."
        ),
    ] = None
    seed: Annotated[Seed, Meta(description="Seed of synthetic prompts and salts.")] = 0
    deadlines: Deadlines = Deadlines()


class Message(_Table, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Role
    content: Text


class PromptTable(_Table, frozen=True, kw_only=True):
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


class SamplingTable(_Table, frozen=True, kw_only=True):
    """How tokens are chosen. The default is greedy."""

    temperature: Annotated[float, Meta(ge=0, le=10)] = 0.0
    top_k: Annotated[int, Meta(ge=0, description="0 for all.")] = 0
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0


class ScenarioTable(_Table, frozen=True, kw_only=True):
    """Prompts, output length and sampling: one row block of the comparison."""

    name: Name
    prompts: Annotated[
        Text | Filled[PromptTable] | None,
        Meta(description="A prompt file (TOML with [[prompts]]) or prompts written in place."),
    ] = None
    prompt_tokens: Annotated[
        Matrix[PromptCount] | None,
        Meta(description="Length of a synthetic prompt, in tokens, BOS and salt included."),
    ] = None
    output_tokens: Annotated[
        Matrix[Count], Meta(description="Tokens to produce, exactly, unless `natural` is set.")
    ]
    natural: Annotated[
        bool,
        Meta(description="Let the model end its answer; output_tokens is then the limit."),
    ] = False
    forced: Annotated[
        bool,
        Meta(
            description="Decode along given ids, the same for every target, whatever the models "
            "would say."
        ),
    ] = False
    sampling: SamplingTable = SamplingTable()


class QualityTable(_Table, frozen=True, kw_only=True):
    """How well each target predicts a text: what 4 bits cost against 8. Never timed."""

    text: Annotated[Text, Meta(description="A UTF-8 text file to score, relative to the suite.")]
    window: Annotated[
        int,
        Meta(
            ge=16,
            le=1 << 20,
            description="Tokens an engine sees at once; the later half of them is scored.",
        ),
    ] = 512
    windows: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="Windows to score, from the beginning of the text; all where left out."),
    ] = None
    reference: Annotated[
        str | None,
        Meta(
            description="The target that the others are held against: the one of the best artifact."
        ),
    ] = None


Axis: TypeAlias = Literal[
    "artifact",
    "boundary",
    "cache",
    "context",
    "engine",
    "kv",
    "link",
    "machine",
    "options",
    "parallelism",
    "power",
    "sampling",
    "speculative",
    "threads",
    "weights",
]
"""What two cells may differ in on purpose."""
USUAL_AXIS: tuple[Axis, ...] = ("engine", "artifact")


class ComparisonTable(_Table, frozen=True, kw_only=True):
    """What is compared with what; any difference besides is named beside each ratio."""

    axis: Annotated[
        Filled[Axis],
        Meta(
            description="What targets differ in on purpose. Other differences are named as "
            "confounders, and where they mislead the ratio is refused."
        ),
    ] = field(default_factory=lambda: list(USUAL_AXIS))
    baseline: Annotated[
        str | None,
        Meta(description="The target that the others are held against; else the first measured."),
    ] = None


class PromptFile(_Table, frozen=True, kw_only=True):
    """A file of prompts that several suites may share."""

    prompts: Filled[PromptTable]


class SuiteFile(_Table, frozen=True, kw_only=True):
    """A whole suite."""

    schema: Annotated[Literal[1], Meta(description="Version of this format.")]
    name: Name
    title: str = ""
    model: ModelTable
    targets: Annotated[dict[Name, TargetTable], Meta(min_length=1)]
    protocol: ProtocolTable = ProtocolTable()
    scenarios: Filled[ScenarioTable]
    quality: QualityTable | None = None
    comparison: ComparisonTable = ComparisonTable()
