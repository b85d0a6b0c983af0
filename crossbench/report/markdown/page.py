"""`report.md`: a page that reads well on a Git host, in a forum and as plain text."""

from __future__ import annotations

from shlex import quote

from crossbench.report.markdown.integrity import integrity
from crossbench.report.markdown.quality import quality
from crossbench.report.markdown.results import not_measured, results
from crossbench.report.markdown.targets import targets
from crossbench.report.model import Report
from crossbench.report.words import code, counted, escaped, plain, size, table


def render(report: Report) -> str:
    """The whole page."""
    parts = [
        _head(report),
        *results(report),
        *not_measured(report.non_results),
        *quality(report),
        *targets(report),
        _machine(report),
        integrity(report),
        _definitions(report),
        _reproduce(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    protocol = report.protocol
    lines = [
        f"# {escaped(report.title)}",
        "",
        f"{escaped(report.model)} on {escaped(report.machine.cpu)}"
        f"{_cuda(report)}, {report.started}, crossbench {report.crossbench}.",
        "",
        f"Profile {protocol.profile}: {counted(protocol.launches, 'launch')} of every target, "
        f"interleaved, each with {counted(protocol.warmups, 'warm-up')} and "
        f"{counted(protocol.repeats, 'repeat')} per prompt. Values are geometric means over "
        "launches, with the range they span in brackets"
        + (" (of the repeats, as there is one launch)." if protocol.launches == 1 else "."),
        "Ranges are no confidence intervals: targets are not ranked here.",
    ]
    if report.outcome != "complete":
        lines += ["", f"**This run is {report.outcome}: what follows is what was measured.**"]
    return "\n".join(lines)


def _cuda(report: Report) -> str:
    devices = report.machine.cuda_devices
    return f" with {escaped(', '.join(devices))}" if devices else ""


def _machine(report: Report) -> str:
    machine = report.machine
    rows = [
        ["processor", escaped(machine.cpu)],
        ["cores", f"{machine.physical_cores} physical, {machine.logical_cores} logical"],
        ["memory", size(machine.memory_bytes)],
        ["CUDA devices", escaped(", ".join(machine.cuda_devices)) or "none"],
        ["system", escaped(machine.system) + (", under WSL" if machine.wsl else "")],
    ]
    return "## Machine\n\n" + table(["what", "found"], rows)


def _definitions(report: Report) -> str:
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
