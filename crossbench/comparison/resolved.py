"""What an engine resolved, in words that two engines share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crossbench.api import Device, Fact, Loaded, Parallelism
from crossbench.lint.comparison import SYNONYMS


def _text(fact: Fact[int]) -> Fact[str]:
    return Fact(None if fact.value is None else f"{fact.value} tokens", fact.source)


def _kv(fact: Fact[str]) -> Fact[str]:
    return Fact(SYNONYMS.get(fact.value, fact.value) if fact.value else None, fact.source)


def _on(fact: Fact[bool]) -> Fact[str]:
    return Fact({True: "on", False: "off", None: None}[fact.value], fact.source)


def _kind(fact: Fact[Parallelism]) -> Fact[str]:
    return Fact(fact.value.value if fact.value else None, fact.source)


def _devices(devices: Sequence[Device]) -> str | None:
    """Names, since engines call one device by different ids; any CPU is the machine's."""
    names = sorted("CPU" if each.kind == "cpu" else each.name for each in devices)
    return ", ".join(names) or None


def _setting(loaded: Loaded, name: str) -> Fact[str]:
    fact = loaded.settings.get(name, Fact(None, "api"))
    return Fact(None if fact.value is None else str(fact.value), fact.source)


def _threads(loaded: Loaded) -> Fact[str]:
    """CPU threads of decoding, and of prefill where these are others; of all ranks together."""
    decoding, prefill = _setting(loaded, "threads"), _setting(loaded, "threads_batch")
    if decoding.value is not None and prefill.value not in (None, decoding.value):
        return Fact(f"{decoding.value}, {prefill.value} in prefill", decoding.source)
    ranks = loaded.settings.get("ranks")
    if decoding.value is None and ranks is not None and isinstance(ranks.value, list):
        counts = [rank.get("threads") for rank in ranks.value if isinstance(rank, dict)]
        known = [count for count in counts if isinstance(count, int)]
        return Fact(str(sum(known)) if len(known) == len(counts) > 0 else None, ranks.source)
    return decoding


def _bits(loaded: Loaded) -> Fact[float]:
    size, count = loaded.weight_bytes.value, loaded.parameters.value
    return Fact(8 * size / count if size and count else None, loaded.weight_bytes.source)


READS: Mapping[str, Callable[[Loaded], Fact[Any]]] = {
    "context": lambda loaded: _text(loaded.context_tokens),
    "KV dtype": lambda loaded: _kv(loaded.kv_dtype),
    "prefix cache": lambda loaded: _on(loaded.prefix_cache),
    "parallelism": lambda loaded: _kind(loaded.parallelism),
    "devices": lambda loaded: Fact(_devices(loaded.devices), "api"),
    "measurement boundary": lambda loaded: Fact(loaded.boundary.value, "config"),
    "speculative decoding": lambda loaded: _setting(loaded, "speculative"),
    "threads": _threads,
    "bits per weight": _bits,
}
"""Invariant -> how it is read from what an engine resolved."""
