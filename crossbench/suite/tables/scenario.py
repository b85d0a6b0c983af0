"""What a suite says of a scenario: its prompts, its load, and what works beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from crossbench.suite.tables.prompts import PromptTable
from crossbench.suite.tables.target import TargetNeeds
from crossbench.suite.tables.values import (
    Count,
    Filled,
    Matrix,
    Name,
    PromptCount,
    Rate,
    Seconds,
    Streams,
    Table,
    Text,
)

Arrivals = Literal["poisson", "constant"]


class SamplingTable(Table, frozen=True, kw_only=True):
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


class Slo(Table, frozen=True, kw_only=True):
    """What a user will wait: a request meets it where it keeps to every limit given."""

    ttft_s: Annotated[Seconds | None, Meta(description="Seconds to its first token.")] = None
    tpot_s: Annotated[
        Seconds | None, Meta(description="Seconds per token after the first chunk.")
    ] = None
    e2e_s: Annotated[Seconds | None, Meta(description="Seconds to its last token.")] = None


class BackgroundTable(Table, frozen=True, kw_only=True):
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


class ScenarioTable(Table, frozen=True, kw_only=True):
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
