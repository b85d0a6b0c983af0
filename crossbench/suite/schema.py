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
Streams = Annotated[int, Meta(ge=1, le=4096)]
Replicas = Annotated[int, Meta(ge=1, le=64)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]
T = TypeVar("T")
Filled: TypeAlias = Annotated[list[T], Meta(min_length=1)]
"""A list with at least one entry."""
Matrix: TypeAlias = T | Filled[T]
"""A scalar, or a list of scalars that makes one variant each."""

Role = Literal["system", "user", "assistant"]
Profile = Literal["quick", "default", "publish"]
Arrivals = Literal["poisson", "constant"]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: every key is known, or it is an error."""


class ModelTable(_Table, frozen=True, kw_only=True):
    """The logical model that every target carries in some format."""

    name: Annotated[str, Meta(min_length=1, description="What the report calls the model.")]
    tokenizer: Annotated[
        str,
        Meta(
            min_length=1,
            description="Canonical tokenizer and chat template: hf:OWNER/REPO[@REVISION]; "
            "a directory with tokenizer.json (and tokenizer_config.json), relative to the suite; "
            "or artifact, which takes them out of the target's GGUF.",
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
    cpus: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Processors of its own that each of its workers is held to; 0 for none "
            "in particular.",
        ),
    ] = 0


class TargetTable(_Table, frozen=True, kw_only=True):
    """Backend, artifact and options: one column of the comparison."""

    backend: Annotated[str, Meta(min_length=1, description="Name of a backend plugin.")]
    artifact: Annotated[
        Matrix[Text],
        Meta(
            description="hf:OWNER/REPO[@REVISION][/FILE], ollama:NAME:TAG, "
            "lmstudio:PUBLISHER/MODEL, or the path of a model file or directory, relative to "
            "the suite."
        ),
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
    replicas: Annotated[
        Matrix[Replicas],
        Meta(
            description="Workers that share one load, each on devices of its own: as many as "
            "`needs` names, or an equal share of the processors."
        ),
    ] = 1
    options: Annotated[
        dict[str, Any], Meta(description="Options of the backend, checked against its own struct.")
    ] = {}
    matrix: Annotated[
        dict[str, Filled[Any]],
        Meta(description="Option -> values: one target for each combination."),
    ] = {}


class Deadlines(_Table, frozen=True, kw_only=True):
    """Seconds a phase may take before the launch is ended as timed out."""

    build_s: Annotated[Seconds, Meta(description="To build an environment.")] = 3600.0
    load_s: Annotated[Seconds, Meta(description="To start a worker and load the model.")] = 900.0
    first_token_s: Annotated[
        Seconds, Meta(description="Until a request's first token, or a window's scores.")
    ] = 600.0
    chunk_gap_s: Annotated[Seconds, Meta(description="From one chunk to the next.")] = 120.0
    close_s: Annotated[Seconds, Meta(description="To close the model and exit.")] = 30.0
    cool_s: Annotated[Seconds, Meta(description="To rest before a launch, at most.")] = 600.0


class ProtocolTable(_Table, frozen=True, kw_only=True):
    """How often everything is measured, and in which order."""

    profile: Annotated[
        Profile,
        Meta(description="Preset of launches, repeats, warmups, burn_in, sentinel and energy."),
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
    energy: Annotated[
        bool | None,
        Meta(
            description="Where energy is told, repeat prefill alone and decode alone at the end of "
            "each launch, until each has taken long enough for its energy."
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

    role: Annotated[Role, Meta(description="Who speaks.")]
    content: Annotated[Text, Meta(description="What is said.")]


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

    temperature: Annotated[
        float, Meta(ge=0, le=10, description="0 takes the likeliest token each time.")
    ] = 0.0
    top_k: Annotated[int, Meta(ge=0, description="0 for all.")] = 0
    top_p: Annotated[
        float, Meta(gt=0, le=1, description="Probability that the tokens drawn from hold; 1 all.")
    ] = 1.0
    seed: Annotated[
        int, Meta(ge=0, le=2**32 - 1, description="Of the draws, above temperature 0.")
    ] = 0


class Slo(_Table, frozen=True, kw_only=True):
    """What a user will wait: a request meets it where it keeps to every limit given."""

    ttft_s: Annotated[Seconds | None, Meta(description="Seconds to its first token.")] = None
    tpot_s: Annotated[
        Seconds | None, Meta(description="Seconds per token after the first chunk.")
    ] = None
    e2e_s: Annotated[Seconds | None, Meta(description="Seconds to its last token.")] = None


class BackgroundTable(_Table, frozen=True, kw_only=True):
    """What works beside a scenario on purpose, on other devices: a target, or a command."""

    target: Annotated[
        Text | None, Meta(description="A target, kept busy with the scenario named beside it.")
    ] = None
    scenario: Annotated[
        Text | None, Meta(description="What that target serves, request after request.")
    ] = None
    command: Annotated[
        Filled[Text] | None,
        Meta(description="A program and its arguments, which are used only with --trust."),
    ] = None
    needs: Annotated[
        TargetNeeds | None, Meta(description="Devices and processors of the command's own.")
    ] = None
    settle_s: Annotated[
        Annotated[float, Meta(ge=0, le=3600)] | None,
        Meta(description="Seconds that the command takes to begin its work; 1 where left out."),
    ] = None


class ScenarioTable(_Table, frozen=True, kw_only=True):
    """Prompts, output length, sampling and load: one row block of the comparison."""

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
    concurrency: Annotated[
        Matrix[Streams] | None,
        Meta(description="Users at once, each with its next request as the last is answered."),
    ] = None
    rate: Annotated[
        Matrix[Rate] | None,
        Meta(description="Requests that arrive in a second, whether others are answered or not."),
    ] = None
    arrivals: Annotated[
        Arrivals | None,
        Meta(description='How they arrive at that rate: "poisson" where left out, or "constant".'),
    ] = None
    requests: Annotated[
        Count | None,
        Meta(description="Requests of each repeat at each level; enough of them where left out."),
    ] = None
    room: Annotated[
        Streams | None,
        Meta(description="Requests that an engine makes room for at a rate; more wait in it."),
    ] = None
    slo: Annotated[
        Slo | None, Meta(description="What counts as served well, for goodput and for find.")
    ] = None
    find: Annotated[
        Literal["slo"] | None,
        Meta(description="Leave out the levels above the first of a launch that misses the slo."),
    ] = None
    background: Annotated[
        BackgroundTable | None,
        Meta(
            description="Measure the scenario with and without this beside it, in turn: what does "
            "one device's job cost the other's?"
        ),
    ] = None


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
    title: Annotated[str, Meta(description="Heading of the report.")] = ""
    model: ModelTable
    targets: Annotated[dict[Name, TargetTable], Meta(min_length=1)]
    protocol: ProtocolTable = ProtocolTable()
    scenarios: Filled[ScenarioTable]
    quality: QualityTable | None = None
    comparison: ComparisonTable = ComparisonTable()
