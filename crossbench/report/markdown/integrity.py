"""Whether the comparison was fair: ids, caches, tokenizers, samples, instrument, machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from crossbench.api import Boundary
from crossbench.instrument.told import summary
from crossbench.report.markdown.panel import panel
from crossbench.report.model import Report
from crossbench.report.words import code, counted, escaped, number


def integrity(report: Report) -> str:
    """The section, or nothing where nothing was measured."""
    lines = [f"- **Changed while the run was interrupted**: {escaped(c)}." for c in report.changes]
    lines += _preflight(report)
    lines += [
        *_same_ids(report),
        *_prompts(report),
        *_cold(report),
        *_tokenizers(report),
        *_counts(report),
        *_reasoning(report),
    ]
    lines += _samples(report)
    if errors := [target.stamp_error_s for target in report.targets if target.stamp_error_s]:
        lines.append(
            f"- The driver's own time from stamp to stamp was at most {number(max(errors) * 1e6)} "
            "\u00b5s (99th percentile, worst launch): differences below that are the instrument's."
        )
    if report.instrument is not None:
        lines += (f"- {escaped(line)}" for line in summary(report.instrument, _served(report)))
    if undrained := [launch for target in report.targets for launch in target.undrained]:
        lines.append(f"- **Device memory stayed occupied after**: {escaped(', '.join(undrained))}.")
    if left := [each for target in report.targets for each in target.left_behind]:
        lines.append(
            f"- **Processes outlived their worker, and were ended**: {escaped('; '.join(left))}."
        )
    changed = [target.name for target in report.targets if not target.resolved_alike]
    if changed:
        lines.append(f"- Launches resolved differently: {escaped(', '.join(changed))}.")
    parts = [panel(report.checks), "\n".join(lines)]
    return "\n\n".join(["## Integrity", *filter(None, parts)]) if any(parts) else ""


def _served(report: Report) -> list[str]:
    """Targets behind a server."""
    return [
        target.name
        for target in report.targets
        if target.loaded is not None and target.loaded.boundary is Boundary.HTTP
    ]


def _preflight(report: Report) -> Iterator[str]:
    """A line for each finding, with all targets that it is true of."""
    merged: dict[tuple[str, str, str], dict[str, None]] = {}
    for each in report.findings:
        found = merged.setdefault((each.rule, each.severity, each.evidence), {})
        found |= dict.fromkeys(each.targets)
    for (rule, severity, evidence), targets in merged.items():
        several = len(targets) > 1 and _named(evidence, targets)
        of = f"{', '.join(targets)}: " if targets and not several else ""
        yield f"- **Known before it ran** ({escaped(rule)}, {severity}): {escaped(of + evidence)}."


def _named(evidence: str, targets: Iterable[str]) -> bool:
    """Whether it says by itself what each of several targets has."""
    return all(re.search(rf"(?:^|, ){re.escape(name)} ", evidence) for name in targets)


def _same_ids(report: Report) -> Iterator[str]:
    judged = [scenario for scenario in report.scenarios if scenario.same_ids is not None]
    differing = [scenario.name for scenario in judged if not scenario.same_ids]
    if differing:
        yield f"- **Targets computed different prompt ids**: {escaped(', '.join(differing))}."
    elif judged:
        yield f"- Same prompt ids for every target in {counted(len(judged), 'scenario')}."


PROMPTS = {
    "text": "Prompts reach it as text, which it tokenises to the same ids",
    "template": "**It puts its own chat template around prompts: its ids are not the suite's**",
}


def _prompts(report: Report) -> Iterator[str]:
    told = {target.name: target.loaded.prompt for target in report.targets if target.loaded}
    for way, words in PROMPTS.items():
        if names := [name for name, prompt in told.items() if prompt == way]:
            yield f"- {words}: {escaped(', '.join(names))}."


def _cold(report: Report) -> Iterator[str]:
    cells = [(scenario.name, cell) for scenario in report.scenarios for cell in scenario.cells]
    doubtful = [
        f"{cell.target} on {name}: {cell.cache}" for name, cell in cells if cell.cache != "cold"
    ]
    if doubtful:
        yield f"- **Not proven cold**: {escaped('; '.join(doubtful))}."
    elif cells:
        yield "- Every prefill was cold: the engines computed every prompt token of every sample."


def _tokenizers(report: Report) -> Iterator[str]:
    told = {target.name: target.tokenizer for target in report.targets if target.tokenizer}
    same = [name for name, each in told.items() if each.same_vocabulary]
    if same:
        tables = {told[name].vocabulary_sha256 for name in same}
        shown = ", ".join(code(table) for table in sorted(filter(None, tables)))
        yield (
            f"- Every id stands for the same bytes as in the suite's tokenizer ({shown}): "
            f"{escaped(', '.join(same))}."
        )
    if unknown := [name for name, each in told.items() if each.same_vocabulary is None]:
        yield f"- Vocabulary unknown, the engine does not tell: {escaped(', '.join(unknown))}."
    for agrees, sentence in (
        (True, "Its own tokenizer gives the canonical ids on the probe texts"),
        (False, "**Its own tokenizer gives other ids than the canonical one on the probe texts**"),
    ):
        if names := [name for name, each in told.items() if each.same_probes is agrees]:
            yield f"- {sentence}: {escaped(', '.join(names))}."
    for name, each in told.items():
        for complaint in each.complaints:
            yield f"- **{escaped(name)}**: {escaped(complaint)}."


COUNTED = {
    "usage": "the engine's own usage figures",
    "text": "tokenising the whole text again, which can differ by a few from what was produced",
}


def _counts(report: Report) -> Iterator[str]:
    for way, words in COUNTED.items():
        names = [
            cell.target
            for scenario in report.scenarios
            for cell in scenario.cells
            if way in cell.counted_by
        ]
        if names:
            yield (
                f"- **Tokens not seen as ids** but counted by {words}: "
                f"{escaped(', '.join(dict.fromkeys(names)))}. The first chunk's share of them is "
                "estimated from its share of the text's bytes."
            )


def _reasoning(report: Report) -> Iterator[str]:
    for scenario in report.scenarios:
        for cell in scenario.cells:
            if (told := cell.reasoned) is not None:
                yield (
                    "- **TTFT is of a token of reasoning, not of the answer**, in "
                    f"{told.requests:,} of {cell.valid_samples:,} requests of "
                    f"{escaped(cell.target)} on {escaped(scenario.name)}: {told.before:,} of their "
                    f"{told.chunks:,} chunks came before the answer."
                )


def _samples(report: Report) -> Iterator[str]:
    for scenario in report.scenarios:
        for cell in scenario.cells:
            for invalid in cell.invalid:
                yield (
                    f"- Sample left out: {escaped(cell.target)} on {escaped(scenario.name)}, "
                    f"journal line {invalid.line}: {escaped(invalid.reason)}."
                )
    if any(scenario.cells for scenario in report.scenarios):
        yield (
            "- Each cell's raw samples are lines of `journal.jsonl`, named per launch in "
            "`report.json` under `lines`."
        )
