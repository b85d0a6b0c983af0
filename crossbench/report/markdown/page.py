"""`report.md`: a page that reads well on a Git host, in a forum and as plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from crossbench.analysis.servers import reached
from crossbench.report.asked import told_together, unsaid
from crossbench.report.charts.all import charts as drawn
from crossbench.report.charts.svg import Chart
from crossbench.report.machine import sections
from crossbench.report.markdown.command import checkout, command_line, interpreters
from crossbench.report.markdown.comparison import comparison
from crossbench.report.markdown.energy import energy
from crossbench.report.markdown.headline import charts, headline
from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.interference import interference
from crossbench.report.markdown.load import load
from crossbench.report.markdown.memory import memory
from crossbench.report.markdown.null_test import null_test
from crossbench.report.markdown.probes import probes
from crossbench.report.markdown.protocol import protocol
from crossbench.report.markdown.quality import quality
from crossbench.report.markdown.results import not_measured, results
from crossbench.report.markdown.runs import runs
from crossbench.report.markdown.scaling import scaling
from crossbench.report.markdown.settings import settings
from crossbench.report.markdown.targets import targets
from crossbench.report.model import Report
from crossbench.report.views import views
from crossbench.report.words import cell, code, counted, escaped, lengths, table
from crossbench.statistics.logmean import LEAST_LAUNCHES

WHERE = {
    True: "its text stands in `run.json`, beside the raw samples in `journal.jsonl`.",
    False: "its text was left out of `run.json` with its prompts; the raw samples are in "
    "`journal.jsonl`.",
}
"""Whether a run holds its suite's text -> where that is."""


def render(report: Report, shown: Sequence[Chart] | None = None) -> str:
    """The whole page; with its charts where they are drawn already."""
    parts = [
        _head(report),
        *headline(report),
        *runs(report),
        *charts(drawn(report) if shown is None else shown),
        *results(report),
        *load(report),
        *of_each(report, scaling),
        *of_each(report, interference),
        *comparison(report),
        *null_test(report),
        *not_measured(report.non_results),
        *quality(report),
        *settings(report),
        *targets(report),
        *of_each(report, protocol),
        *memory(report),
        *energy(report),
        *of_each(report, _machine),
        *of_each(report, probes),
        *of_each(report, lambda run: [integrity(run)]),
        definitions(report),
        *of_each(report, reproduce),
        *_prompts(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def of_each(report: Report, section: Callable[[Report], Iterable[str]]) -> Iterator[str]:
    """A section that tells of one run, for every run of the report."""
    for view in views(report):
        for part in section(view.report):
            head, _, rest = part.partition("\n")
            named = view.label is not None and head.startswith("## ")
            yield "\n".join([f"{head}: {escaped(view.label or '')}", rest]) if named else part


def _head(report: Report) -> str:
    lines = [f"# {escaped(report.title)}", "", place(report), "", done(report)]
    if report.outcome != "complete":
        lines += [
            "",
            f"**This run is {escaped(report.outcome)}: what follows is what was measured.**",
        ]
    return "\n".join(lines)


def place(report: Report) -> str:
    """Which model, where and when."""
    if report.runs:
        labels = "; ".join(run.label for run in report.runs)
        return f"{escaped(report.model)}, {counted(len(report.runs), 'run')}: {escaped(labels)}."
    return (
        f"{escaped(report.model)} on {escaped(report.machine.cpu)}{_cuda(report)}, "
        f"{escaped(report.started)}, crossbench {escaped(report.crossbench)}."
    )


def done(report: Report) -> str:
    """How often everything was measured, and what the values are."""
    told = [view.report.protocol for view in views(report)]
    protocol = told[0]
    least = min(each.launches for each in told)
    if any(each != protocol for each in told):
        return f"The runs kept to protocols of their own, told below. {meaning(least)}"
    return (
        f"Profile {protocol.profile}: {counted(protocol.launches, 'launch')} of every target, "
        f"interleaved, each with {counted(protocol.warmups, 'warm-up')} and "
        f"{counted(protocol.repeats, 'repeat')} per prompt. {meaning(least)}"
    )


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
- throughput: tokens that came in the steady window / its length. The window of a closed loop is the
  time in which every user has a request running; of an open loop, from its first answer to its last
  arrival. It must hold three requests of each stream.
- SLO met: requests that met it / all requests of all launches; failed ones met nothing. Its
  interval is over launches, from three on, and never narrower than that of as many independent
  requests.
- goodput: requests answered a second x the share of them that met the SLO, of all launches.
- delay: from when a request of an open loop was due to when it was handed to the engine; TTFT and
  end to end count from when it was due.
- load: from the start of the process to the loaded session.
- bits/byte: -sum log2 p(token | all before it) / UTF-8 bytes of the scored text."""


def reproduce(report: Report) -> Iterator[str]:
    """The command of a run, and where its suite stands."""
    yield "## Reproduce"
    yield f"    {command_line(report.command)}"
    if told := list(interpreters(report.command, report.targets)):
        yield " ".join(told)
    yield checkout(report.crossbench)
    yield (
        f"Suite {code(report.suite)}, sha256 {code(report.suite_sha256)} of the file as it ran; "
        f"{WHERE[report.suite_shown]}"
    )
    if any(reached(target.options) for target in report.targets):
        yield "What it needs beforehand stands at the head of the suite."
    if report.redacted:
        yield (
            "Names of host and user, paths, addresses and serials were taken out: `PATH/` stands "
            "for the way to a file."
        )


def _prompts(report: Report) -> Iterator[str]:
    """The hash of each scenario's prompts, and what they ask."""
    rows = [
        [
            escaped(scenario.name),
            f"{len(scenario.prompt_tokens):,}",
            lengths(scenario.prompt_tokens),
            f"{scenario.output_tokens:,}",
            cell(code(scenario.prompts_sha256)),
        ]
        for scenario in report.scenarios
    ]
    header = ["scenario", "prompts", "tokens", "output tokens", "prompt ids sha256"]
    if rows:
        yield f"## Prompts\n\n{table(header, rows)}"
    if told := list(told_together(report)):
        yield "<details><summary>What was asked</summary>"
        for names, scenario in told:
            yield f"{escaped(', '.join(names))}:"
            lines = [*map(escaped, scenario.asked), *filter(None, [unsaid(scenario)])]
            yield "\n".join(f"- {line}" for line in lines)
        yield "</details>"
