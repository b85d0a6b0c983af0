"""What a difference of each invariant means, and the word by which a suite declares it its axis.

A difference that leaves both cells the same work is a confounder: the ratio is true, and what it
is owed to is open. A difference by which the two are not the same work refuses the ratios it
touches, because no reader would compare these numbers who knew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from crossbench.comparison.invariant import Value
from crossbench.statistics.verdict import PRIMARY
from crossbench.suite.tables.comparison import Axis

Misleads: TypeAlias = Callable[[Value, Value], bool]

EVERYTHING = frozenset(PRIMARY)
FIRST_TOKEN = frozenset({"ttft_s", "prefill_tps"})
WHOLE_REQUESTS = frozenset({"throughput_tps"})
LATER_TOKENS = frozenset({"decode_tps"}) | WHOLE_REQUESTS


def _always(_one: Value, _other: Value) -> bool:
    return True


def _one_behind_a_server(one: Value, other: Value) -> bool:
    return (one == "http") != (other == "http")


class Rule(Struct, frozen=True, kw_only=True):
    """What a difference of one invariant means."""

    axis: Axis | None
    """The word that declares it; None where no suite can make it what is compared."""
    refuses: frozenset[str] = frozenset()
    """Metrics whose ratio it makes meaningless, where it is not declared."""
    because: str = ""
    """Why, as the report says it."""
    where: Misleads = _always
    """Whether these two values do so."""


RULES: Mapping[str, Rule] = {
    "definitions": Rule(
        axis=None, refuses=EVERYTHING, because="the metrics are defined differently"
    ),
    "prompt ids": Rule(axis=None, refuses=EVERYTHING, because="other prompts are other work"),
    "output length": Rule(
        axis=None,
        refuses=EVERYTHING,
        because="another length is other work: buffers and context grow with it",
    ),
    "load": Rule(
        axis=None, refuses=EVERYTHING, because="what else runs decides how long each request takes"
    ),
    "tokens produced": Rule(
        axis=None,
        refuses=WHOLE_REQUESTS,
        because="the models ended their answers at other lengths",
    ),
    "tokenizer": Rule(
        axis=None,
        refuses=EVERYTHING,
        because="tokens of two tokenizers are two units; compare bytes of text per second",
    ),
    "cache state": Rule(
        axis="cache",
        refuses=FIRST_TOKEN | WHOLE_REQUESTS,
        because="a warm prefill skips what a cold one computes",
    ),
    "speculative decoding": Rule(
        axis="speculative",
        refuses=LATER_TOKENS,
        because="a draft's tokens cost other work, and how many are taken depends on the text",
    ),
    "measurement boundary": Rule(
        axis="boundary",
        refuses=FIRST_TOKEN,
        because="behind a server the first token also waits for its network, parser and queue",
        where=_one_behind_a_server,
    ),
    "engine": Rule(axis="engine"),
    "engine build": Rule(axis="engine"),
    "plugin": Rule(axis="engine"),
    "artifact": Rule(axis="artifact"),
    "bits per weight": Rule(axis="weights"),
    "artifact's vocabulary": Rule(axis="artifact"),
    "sampling": Rule(axis="sampling"),
    "context": Rule(axis="context"),
    "KV dtype": Rule(axis="kv"),
    "prefix cache": Rule(axis="cache"),
    "parallelism": Rule(axis="parallelism"),
    "devices": Rule(axis="parallelism"),
    "threads": Rule(axis="threads"),
    "power limit": Rule(axis="power"),
    "link width": Rule(axis="link"),
    "machine": Rule(axis="machine"),
    "tokens counted by": Rule(axis="boundary"),
    "protocol": Rule(axis=None),
}
"""Invariant -> its rule, in the order a report names them."""

OPTIONS = Rule(axis="options")
"""Options that two targets of one engine do not share, and that no invariant above explains."""
