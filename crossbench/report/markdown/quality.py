"""What the speed was had at: how well each target's artifact predicts one text."""

from __future__ import annotations

from collections.abc import Iterator

from crossbench.report.markdown.targets import bits
from crossbench.report.model import Report
from crossbench.report.quality_model import QualityReport, ScoringReport
from crossbench.report.words import code, counted, escaped, table

NONE = "\u2013"


def quality(report: Report) -> Iterator[str]:
    """The section; one sentence where the suite scores nothing."""
    yield "## Quality"
    scoring = report.scoring
    if scoring is None:
        yield "Quality not measured: the suite names no text to score."
        return
    yield (
        f"Each artifact on one text: {scoring.tokens:,} tokens ({scoring.bytes:,} bytes) in "
        f"{counted(scoring.windows, 'window')} of {scoring.window_tokens:,} tokens, of which the "
        f"later half is scored; ids sha256 {code(scoring.sha256)}. A load of its own, never timed."
    )
    loaded = {target.name: target.loaded for target in report.targets}
    rows = [
        [escaped(each.target), bits(loaded.get(each.target)), *_figures(each, scoring)]
        for each in scoring.targets
    ]
    against = f"against {escaped(scoring.reference)}" if scoring.reference else "difference"
    yield table(
        ["target", "bits/weight", "bits/byte", against, "same likeliest token"], rows, numeric=4
    )
    yield "\n".join(_reasons(scoring))


def _figures(each: QualityReport, scoring: ScoringReport) -> list[str]:
    if each.bits_per_byte is None:
        return ["not measured", NONE, NONE]
    whole = f"{each.bits_per_byte:.5f}"
    if each.target == scoring.reference:
        return [whole, "reference", "reference"]
    found = each.difference
    if found is None:
        return [whole, NONE, NONE]
    spread = ""
    if found.low is not None and found.high is not None:
        spread = f" [{found.low:+.5f}, {found.high:+.5f}]"
    return [whole, f"{found.bits_per_byte:+.5f}{spread}", f"{100 * found.top1_agreement:.2f} %"]


def _reasons(scoring: ScoringReport) -> Iterator[str]:
    if any(each.difference and each.difference.low is not None for each in scoring.targets):
        yield "- Fewer bits per byte are better; intervals are 95 %, by bootstrap over windows."
    for each in scoring.targets:
        if each.word is not None:
            told = f"{each.word}: {each.reason}"
            yield f"- Quality of {escaped(each.target)} not measured: {escaped(told)}."
        elif each.reason is not None:
            yield f"- No difference of {escaped(each.target)}: {escaped(each.reason)}."
