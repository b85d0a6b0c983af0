"""The settings of all targets side by side: what differs, and what is alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from crossbench.report.model import Report, TargetReport
from crossbench.report.weights import bits
from crossbench.report.words import size

OPTION = "option"
"""Begins the names of what a suite asked for."""


class Setting(Struct, frozen=True, kw_only=True):
    """One setting of every target, in words; empty where a target has none such."""

    name: str
    values: tuple[str, ...]
    differs: bool
    """Whether two targets have it otherwise; what only one engine knows is no difference, unless
    the suite asked for it."""


def settings(report: Report) -> tuple[Setting, ...]:
    """What each target was given, and what its engine made of that."""
    told = [dict(_told(target)) for target in report.targets]
    names = dict.fromkeys(name for each in told for name in each)
    engines = [target.backend for target in report.targets]
    return tuple(_setting(name, [each.get(name, "") for each in told], engines) for name in names)


def _setting(name: str, values: Sequence[str], engines: Sequence[str]) -> Setting:
    knowing = {engine for engine, value in zip(engines, values, strict=True) if value}
    asked = name.startswith(OPTION)
    compared = {
        value for engine, value in zip(engines, values, strict=True) if asked or engine in knowing
    }
    return Setting(name=name, values=tuple(values), differs=len(compared) > 1)


def _told(target: TargetReport) -> Iterator[tuple[str, str]]:
    yield "backend", target.backend
    yield "plugin", target.plugin
    yield "environment", f"{target.variant} ({target.how})"
    yield "artifact", f"{target.artifact.name}, {size(target.artifact.bytes)}"
    yield "artifact sha256", target.artifact.sha256[:16]
    if target.loaded is not None:
        yield from _resolved(target)
    yield from _named(OPTION, target.options)
    if target.requires:
        yield "requires", ", ".join(target.requires)
    yield from _named("version", target.versions)
    if target.python:
        yield "Python", target.python


def _resolved(target: TargetReport) -> Iterator[tuple[str, str]]:
    loaded = target.loaded
    assert loaded is not None
    yield "bits per weight", bits(loaded) or "not told"
    yield "devices", ", ".join(device.name for device in loaded.devices) or "not told"
    facts = {
        "engine build": loaded.engine_build.value,
        "parallelism": loaded.parallelism.value and loaded.parallelism.value.value,
        "context": loaded.context_tokens.value,
        "KV dtype": loaded.kv_dtype.value,
        "KV capacity": loaded.kv_capacity_tokens.value,
        "attention": loaded.attention.value,
        "prefix cache": loaded.prefix_cache.value,
    }
    yield from ((name, _word(value)) for name, value in facts.items())
    yield "stamps taken in", loaded.boundary.value.replace("_", " ")
    yield from _named("resolved", {key: fact.value for key, fact in loaded.settings.items()})
    if loaded.ignored:
        yield "ignored", ", ".join(loaded.ignored)


def _named(kind: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in sorted(values):
        yield f"{kind} {key}", _word(values[key])


def _word(value: Any) -> str:
    if value is None:
        return "not told"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_word(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        nested = any(isinstance(each, Mapping | list | tuple) for each in value)
        return ("; " if nested else ", ").join(map(_word, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
