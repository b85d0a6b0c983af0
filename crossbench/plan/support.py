"""What scenarios ask of a backend and it does not declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crossbench.api import BackendSpec, Capability
from crossbench.plan.model import Exclusion
from crossbench.suite.model import Scenario


def unsupported(
    target: str, spec: BackendSpec, scenarios: Sequence[Scenario], replicas: int = 1
) -> tuple[Exclusion, ...]:
    """The scenarios that a target of this backend cannot be measured on, each with its reason."""
    return tuple(
        Exclusion(
            target=target,
            scenario=scenario.name,
            word="unsupported",
            reason=f"backend {spec.name} declares no {lacking}",
        )
        for scenario in scenarios
        if (lacking := next(_undeclared(spec, scenario, replicas), None))
    )


def _undeclared(spec: BackendSpec, scenario: Scenario, replicas: int) -> Iterator[str]:
    if scenario.sampling.temperature > 0 and Capability.SEED not in spec.capabilities:
        yield f"seeded sampling, which temperature {scenario.sampling.temperature:g} needs"
    if scenario.forced and Capability.FORCED_IDS not in spec.capabilities:
        yield "decoding along given ids, which a forced scenario needs"
    if scenario.streams > replicas and Capability.BATCH not in spec.capabilities:
        yield f"serving of several requests at once, which {_load(scenario)} needs"


def _load(scenario: Scenario) -> str:
    at_a_rate = scenario.load is not None and scenario.load.rate is not None
    return "a rate" if at_a_rate else f"concurrency {scenario.streams}"
