"""What a suite says of a target: its backend, its artifact, and what it needs of a machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from crossbench.suite.tables.values import Filled, Matrix, Replicas, Table, Text


class TargetNeeds(Table, frozen=True, kw_only=True):
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


class TargetTable(Table, frozen=True, kw_only=True):
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
    ] = field(default_factory=list)
    python: Annotated[
        Text | None,
        Meta(description="Interpreter that has the engine, instead of an environment built."),
    ] = None
    build: Annotated[
        dict[str, dict[str, str]],
        Meta(description="Package -> settings of its build, such as cmake.define.GGML_NATIVE."),
    ] = field(default_factory=dict)
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
    ] = field(default_factory=dict)
    matrix: Annotated[
        dict[str, Filled[Any]],
        Meta(description="Option -> values: one target for each combination."),
    ] = field(default_factory=dict)
