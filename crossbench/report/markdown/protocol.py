"""What was done with every target, and what of it went otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crossbench.analysis.exclusion import Rule
from crossbench.artifacts.sizes import spelled
from crossbench.report.conduct_model import ConductReport, DriftReport, RestReport
from crossbench.report.model import Report
from crossbench.report.words import counted, escaped, number, table

RULES: Mapping[Rule, str] = {
    "request-failed": "the engine or its plugin failed the request",
    "foreign-process": "another process came onto its devices",
    "suspended": "the machine was suspended",
    "clock": "the clock did not run forward",
    "stamps": "stamps and token counts did not belong together",
    "no-token": "no token came",
    "token-count": "another number of tokens than asked",
    "cache-count": "an impossible number of cached tokens was told",
    "torn-pass": "its pass under load was broken off",
    "disturbed-pass": "a request beside it was disturbed from outside",
    "late-start": "the replicas of its target did not begin together",
}
NONE = "\u2013"


def protocol(report: Report) -> Iterator[str]:
    """The section."""
    conduct = report.conduct
    yield "## Protocol"
    yield "\n".join(f"- {_capital(line)}." for line in conduct.sentences)
    if lines := list(_course(report)):
        yield "\n".join(f"- {line}." for line in lines)
    if conduct.excluded:
        yield "Timed samples left out, by rules that look at no sample's value:"
        rows = [[rule, RULES[rule], f"{count}"] for rule, count in conduct.excluded.items()]
        yield table(["rule", "what", "samples"], rows, numeric=1)
    if conduct.drifts:
        yield "The first scenario measured again at the end of each launch, 1 for no change:"
        rows = [_drift(each) for each in conduct.drifts]
        yield table(["target", "scenario", "time per token", "drift", "why"], rows)
    if conduct.rests:
        yield "\n".join(_rests(conduct.rests, report.protocol.start_below_c))


def _capital(sentence: str) -> str:
    return escaped(sentence[:1].upper() + sentence[1:])


def _course(report: Report) -> Iterator[str]:
    conduct = report.conduct
    if conduct.burnt_in:
        yield f"Burnt in and not counted: {escaped(', '.join(conduct.burnt_in))}"
    for what in conduct.left_out:
        yield f"**Left out**: {escaped(what)}"
    yield from _budget(conduct)
    if conduct.seconds:
        told = f"Its launches took {spelled(conduct.seconds)}"
        if (span := conduct.estimated) is not None:
            told += f"; {spelled(span.low)} to {spelled(span.high)} had been expected"
        yield told


def _budget(conduct: ConductReport) -> Iterator[str]:
    if (budget := conduct.budget) is None:
        return
    cuts = "; ".join(budget.cuts) or "nothing left out beforehand"
    yield f"Budget of {spelled(budget.seconds)}: {escaped(cuts)}"


def _drift(each: DriftReport) -> list[str]:
    found = each.drift
    ratios = list(found.launches.values())
    span = f"{number(min(ratios))} to {number(max(ratios))}" if ratios else NONE
    word = {True: "**yes**", False: "no", None: "not judged"}[found.flagged]
    return [escaped(each.target), escaped(found.scenario), span, word, escaped(found.reason)]


def _rests(rests: Sequence[RestReport], limit: float | None) -> Iterator[str]:
    longest = max(each.seconds for each in rests)
    heats = [each.celsius for each in rests if each.celsius is not None]
    told = f"- Rested up to {number(longest)} s before {counted(len(rests), 'launch')}"
    if heats:
        told += f", which began at {number(min(heats))} to {number(max(heats))} \u00b0C"
    yield told + "."
    if limit is None:
        return
    if not heats:
        yield "- No temperature could be read, so launches waited for none."
    hot = [each.launch for each in rests if each.celsius is not None and each.celsius > limit]
    if hot:
        yield f"- **Began hotter than {number(limit)} \u00b0C**: {escaped(', '.join(hot))}."
