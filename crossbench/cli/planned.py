"""A plan as text for a person."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.cli import planned_company, planned_time
from crossbench.plan import protocol as protocol_words
from crossbench.plan.model import UNKNOWN, Plan, ScenarioPlan
from crossbench.report.words import counted, lengths, size, table


def text(plan: Plan) -> str:
    """What would run, in which order, and what not and why."""
    parts = (
        _head,
        _protocol,
        _order,
        planned_company.lines,
        planned_time.lines,
        _fetches,
        _memory,
        _quality,
        _findings,
        _exclusions,
    )
    return "\n".join(line for part in parts for line in part(plan))


def _head(plan: Plan) -> Iterator[str]:
    suite, protocol = plan.suite, plan.suite.protocol
    yield f"{suite.title or suite.name}: {suite.model.name}"
    yield f"{plan.machine.cpu}, {size(plan.machine.memory_bytes)}, {plan.machine.system}"
    yield (
        f"profile {protocol.profile}: {counted(protocol.launches, 'launch')} of each target, "
        f"{counted(protocol.warmups, 'warm-up')} and {counted(protocol.repeats, 'repeat')} "
        f"per prompt, {counted(plan.samples, 'timed request')}, "
        f"{counted(plan.requests, 'request')} in all"
    )


def _protocol(plan: Plan) -> Iterator[str]:
    protocol = plan.suite.protocol
    told = protocol_words.told(protocol, len(plan.targets), loaded=plan.loaded)
    yield from (f"  {line}" for line in told)
    if protocol.start_below_c is None:
        return
    if plan.celsius is None:
        yield "  no temperature can be read here, so launches will not wait for one"
    else:
        yield f"  the hottest device is at {plan.celsius:.0f} \u00b0C now"


def _order(plan: Plan) -> Iterator[str]:
    if not plan.targets:
        return
    yield ""
    rows = [
        [t.target, t.backend, " + ".join([t.variant, *t.requires]), t.how, t.plugin]
        for t in plan.targets
    ]
    yield table(["target", "backend", "variant", "environment", "plugin"], rows)
    yield ""
    rows = [
        [
            planned.scenario,
            *([_load(plan, planned)] if plan.loaded else []),
            f"{len(planned.prompt_tokens)}",
            _lengths(planned),
            f"{plan.scenario(planned.scenario).output_tokens:,}",
        ]
        for planned in plan.scenarios
    ]
    loads = ["load"] if plan.loaded else []
    yield table(["scenario", *loads, "prompts", "prompt tokens", "output tokens"], rows, numeric=3)
    yield ""
    every = (*plan.burn_in, *plan.launches)
    yield "order of launches: " + ", ".join(launch.id for launch in every)


def _load(plan: Plan, planned: ScenarioPlan) -> str:
    load = plan.scenario(planned.scenario).load
    return f"{load.words}, {load.requests:,} requests" if load else "one at a time"


def _lengths(planned: ScenarioPlan) -> str:
    known = UNKNOWN not in planned.prompt_tokens
    return lengths(planned.prompt_tokens) if known else "not known yet"


def _memory(plan: Plan) -> Iterator[str]:
    if plan.fits:
        yield ""
        yield "memory, from the artifacts' headers:"
    alike: dict[str, list[str]] = {}
    for target, fit in plan.fits.items():
        alike.setdefault(target if fit.devices else fit.verdict, []).append(target)
    for targets in alike.values():
        fit = plan.fits[targets[0]]
        yield f"  {', '.join(targets)}: {fit.verdict}"
        yield from (f"    {line}" for line in fit.devices)


def _quality(plan: Plan) -> Iterator[str]:
    if scoring := plan.scoring:
        names = ", ".join(launch.target for launch in scoring.launches) or "no target"
        yield f"quality, after them: {scoring.tokens:,} tokens of text scored by {names}"


def _findings(plan: Plan) -> Iterator[str]:
    if plan.findings:
        yield ""
        yield "before it runs:"
    for finding in plan.findings:
        yield f"  [{finding.rule}] {finding.severity}: {finding.evidence}; {finding.fix}"
        yield f"    targets: {', '.join(finding.targets)}"


def _exclusions(plan: Plan) -> Iterator[str]:
    if plan.exclusions:
        yield ""
        yield "will not be measured:"
    for item in plan.exclusions:
        what = f"{item.target} on {item.scenario}" if item.scenario else item.target
        yield f"  {what}: {item.word}: {item.reason}"


def _fetches(plan: Plan) -> Iterator[str]:
    """What would be fetched before anything runs."""
    wanted = {target.target: target.fetch for target in plan.targets if target.fetch}
    if wanted:
        yield "to fetch first:"
    for target, fetch in wanted.items():
        told = size(fetch.bytes) if fetch.bytes is not None else f"size unknown ({fetch.note})"
        yield f"  {target}: {told}; {size(fetch.free)} are free there"
