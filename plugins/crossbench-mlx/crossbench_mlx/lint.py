"""Traps of MLX that a plan shows before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, convert

from crossbench.api import Finding, Severity
from crossbench_mlx.architectures import KNOWN
from crossbench_mlx.options import MlxOptions

if TYPE_CHECKING:
    from crossbench.plan.model import Plan

BACKEND = "mlx"
MIB = 2**20
WORKING_SET = 0.74
"""Share of memory that Metal recommends to keep resident, where its owner has set no limit: as
published for Macs of 16, 24 and 128 GiB."""
NEAR = 0.9
"""The share of that from which on mlx-lm warns."""
MOST = 0.9
"""The share of memory that may be asked for; the rest is macOS's."""


class _Case(Struct, frozen=True, kw_only=True):
    """One target with what its rules look at; `Any` is the host's, of which only data is read."""

    name: str
    options: MlxOptions
    metal: bool
    memory_bytes: int
    wired_limit_bytes: int | None
    """As the machine's owner has set it; 0 and None where macOS chooses."""
    needed_bytes: int | None
    others_kv: tuple[str, ...]
    """Types of KV cache that targets of other engines were given."""
    traits: Any
    """Of its artifact; None where that is not here."""

    def finding(self, rule: str, severity: Severity, evidence: str, fix: str) -> Finding:
        """A finding of this target."""
        return Finding(
            rule=f"mlx-{rule}", severity=severity, targets=(self.name,), evidence=evidence, fix=fix
        )


def findings(plan: Plan) -> Iterator[Finding]:
    """What is known to mislead or to crawl; `plan` is the host's, of which only data is read."""
    planned = {item.target: item for item in plan.targets}
    apple = plan.machine.apple.value
    others = [item.aspects.get("kv_dtype") for item in plan.targets if item.backend != BACKEND]
    for target in plan.suite.targets:
        if target.backend != BACKEND or target.name not in planned:
            continue
        fit = plan.fits.get(target.name)
        case = _Case(
            name=target.name,
            options=convert(dict(target.options), MlxOptions),
            metal=planned[target.name].variant == "metal",
            memory_bytes=plan.machine.memory_bytes,
            wired_limit_bytes=apple.wired_limit_bytes.value if apple else None,
            needed_bytes=sum(fit.needed_bytes.values()) if fit and fit.needed_bytes else None,
            others_kv=tuple(sorted({str(kind) for kind in others if kind is not None})),
            traits=fit.traits if fit else None,
        )
        for rule in RULES:
            yield from rule(case)


def wired_limit(case: _Case) -> Iterator[Finding]:
    """A model near what may be kept resident: beyond it macOS pages weights in and out."""
    if not case.metal or case.needed_bytes is None:
        return
    asked = (case.options.wired_limit_mib or 0) * MIB
    limit = asked or case.wired_limit_bytes or round(WORKING_SET * case.memory_bytes)
    if case.needed_bytes > NEAR * limit:
        mib = round(MOST * case.memory_bytes) // MIB
        yield case.finding(
            "wired-limit",
            "risk",
            f"it needs {case.needed_bytes // MIB:,} MiB and {limit // MIB:,} MiB may be kept "
            "resident: near that and beyond it is up to 20 times slower",
            f"sudo sysctl iogpu.wired_limit_mb={mib} (until the next start), or a smaller artifact"
            if case.needed_bytes <= NEAR * mib * MIB
            else "take a smaller artifact",
        )


def not_wired(case: _Case) -> Iterator[Finding]:
    """Nothing kept resident."""
    if case.metal and case.options.wired_limit_mib == 0:
        yield case.finding(
            "not-wired",
            "unfair",
            "wired_limit_mib is 0: macOS may page the weights out between two tokens",
            "drop wired_limit_mib",
        )


def quantised_cache(case: _Case) -> Iterator[Finding]:
    """A KV cache of fewer bits than that of others."""
    if case.options.kv_bits is not None and case.others_kv:
        yield case.finding(
            "kv-bits",
            "unfair",
            f"its KV cache has {case.options.kv_bits} bits, those of other engines are "
            f"{', '.join(case.others_kv)}",
            "give every target a KV cache of the same width, or make the width what you compare",
        )


def no_lookahead(case: _Case) -> Iterator[Finding]:
    """The processor and the GPU in turns."""
    if not case.options.lookahead:
        yield case.finding(
            "no-lookahead",
            "unfair",
            "lookahead is off: each step waits for the token of the last to be read",
            "drop lookahead, unless that is what you measure",
        )


def model(case: _Case) -> Iterator[Finding]:
    """What mlx-lm cannot load."""
    if case.traits is None:
        return
    if case.traits.format != "safetensors":
        yield case.finding(
            "format",
            "risk",
            f"its artifact is a {case.traits.format.upper()}; mlx-lm reads a folder of safetensors",
            "name a folder or a repository with config.json and safetensors",
        )
    elif case.traits.architecture not in KNOWN:
        yield case.finding(
            "architecture",
            "risk",
            f"mlx-lm, as of 0.32.2, knows no {case.traits.architecture}",
            "take a newer one by `requires`, or another engine",
        )


RULES: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    wired_limit,
    not_wired,
    quantised_cache,
    no_lookahead,
    model,
)
