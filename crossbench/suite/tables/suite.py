"""What a suite says in all, and of the model that its targets share."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from crossbench.suite.tables.comparison import ComparisonTable
from crossbench.suite.tables.protocol import ProtocolTable
from crossbench.suite.tables.scenario import ScenarioTable
from crossbench.suite.tables.target import TargetTable
from crossbench.suite.tables.values import Filled, Name, Table, Text

SCHEMA = 1


class ModelTable(Table, frozen=True, kw_only=True):
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
    ] = field(default_factory=dict)


class QualityTable(Table, frozen=True, kw_only=True):
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


class SuiteFile(Table, frozen=True, kw_only=True):
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
