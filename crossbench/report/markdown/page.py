"""`report.md`: a page that reads well on a Git host, in a forum and as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from crossbench.report.charts.all import charts as drawn
from crossbench.report.machine import sections
from crossbench.report.markdown.comparison import comparison
from crossbench.report.markdown.energy import energy
from crossbench.report.markdown.headline import charts, headline
from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.memory import memory
from crossbench.report.markdown.null_test import null_test
from crossbench.report.markdown.probes import probes
from crossbench.report.markdown.protocol import protocol
from crossbench.report.markdown.quality import quality
from crossbench.report.markdown.results import not_measured, results
from crossbench.report.markdown.targets import targets
from crossbench.report.model import Report
from crossbench.report.words import code, counted, escaped, plain, table
from crossbench.statistics.logmean import LEAST_LAUNCHES


def render(report: Report) -> str:
    """The whole page."""
    parts = [
        _head(report),
        *headline(report),
        *charts(drawn(report)),
        *results(report),
        *comparison(report),
        *null_test(report),
        *not_measured(report.non_results),
        *quality(report),
        *targets(report),
        *protocol(report),
        *memory(report),
        *energy(report),
        *_machine(report),
        *probes(report),
        integrity(report),
        definitions(report),
        _reproduce(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    protocol = report.protocol
    lines = [
        f"# {escaped(report.title)}",
        "",
        f"{escaped(report.model)} on {escaped(report.machine.cpu)}"
        f"{_cuda(report)}, {escaped(report.started)}, crossbench {escaped(report.crossbench)}.",
        "",
        f"Profile {protocol.profile}: {counted(protocol.launches, 'launch')} of every target, "
        f"interleaved, each with {counted(protocol.warmups, 'warm-up')} and "
        f"{counted(protocol.repeats, 'repeat')} per prompt. {meaning(protocol.launches)}",
    ]
    if report.outcome != "complete":
        lines += [
            "",
            f"**This run is {escaped(report.outcome)}: what follows is what was measured.**",
        ]
    return "\n".join(lines)


def meaning(launches: int) -> str:
    """What the values are, and what stands beside each."""
    if launches == 1:
        return (
            "Values come from one launch, with the (range) of its repeats: no intervals, no "
            "ranking, every verdict is inconclusive."
        )
    if launches < LEAST_LAUNCHES:
        return (
            "Values are geometric means over launches, with the (range) they span: too few for "
            "intervals, so every verdict is inconclusive."
        )
    return "Values are geometric means over launches, with their [95 % interval]."


def _cuda(report: Report) -> str:
    devices = report.machine.cuda_devices
    return f" with {escaped(', '.join(devices))}" if devices else ""


def _machine(report: Report) -> Iterator[str]:
    yield "## Machine"
    for section in sections(report.machine):
        rows = [[escaped(label), escaped(text)] for label, text in section.rows]
        yield table([escaped(section.title), "found"], rows)


def definitions(report: Report) -> str:
    """What each word of the tables means."""
    return f"""## Definitions (version {report.definitions})

Stamps are taken on a monotonic clock as each chunk of tokens arrives, in the engine's own process;
behind an engine core in another process, or a server, where the table of targets says so.

- TTFT: from the prompt's ids being handed to the engine to the first chunk with a token.
- prefill: computed prompt tokens / TTFT; it includes the first token's decode and sampling.
- decode: tokens after the first chunk / time from the first to the last chunk; TPOT is its inverse.
- gap: time between two chunks, of as many tokens as stand beside it.
- end to end: from the ids being handed over to the last chunk.
- load: from the start of the process to the loaded session.
- bits/byte: -sum log2 p(token | all before it) / UTF-8 bytes of the scored text."""


def _reproduce(report: Report) -> str:
    prompts = "\n".join(
        f"- {escaped(scenario.name)}: prompt ids sha256 {code(scenario.prompts_sha256)}"
        for scenario in report.scenarios
    )
    return (
        f"## Reproduce\n\n"
        f"    {plain(' '.join(quote(word) for word in report.command))}\n\n"
        f"Suite {code(report.suite)}, sha256 {code(report.suite_sha256)}; it stands verbatim in "
        f"`run.json`, beside the raw samples in `journal.jsonl`.\n\n{prompts}"
    )
