"""What a suite says of its protocol: how often, in which order, and how long at most."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from crossbench.suite.tables.values import Seconds, Seed, Table

Profile = Literal["quick", "default", "publish"]


class Deadlines(Table, frozen=True, kw_only=True):
    """Seconds a phase may take before the launch is ended as timed out."""

    build_s: Annotated[Seconds, Meta(description="To build an environment.")] = 3600.0
    load_s: Annotated[Seconds, Meta(description="To start a worker and load the model.")] = 900.0
    first_token_s: Annotated[
        Seconds, Meta(description="Until a request's first token, or a window's scores.")
    ] = 600.0
    chunk_gap_s: Annotated[Seconds, Meta(description="From one chunk to the next.")] = 120.0
    close_s: Annotated[Seconds, Meta(description="To close the model and exit.")] = 30.0
    cool_s: Annotated[Seconds, Meta(description="To rest before a launch, at most.")] = 600.0


class ProtocolTable(Table, frozen=True, kw_only=True):
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
