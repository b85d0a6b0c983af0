"""The scoring set of a run, and what each target made of it."""

from __future__ import annotations

from crossbench.analysis.measurements import Measurements
from crossbench.analysis.quality import bits_per_byte, difference
from crossbench.plan.model import NonResult, Plan, ScoringPlan
from crossbench.report.quality_model import QualityReport, ScoringReport


def scoring(plan: Plan, measured: Measurements) -> ScoringReport | None:
    """None where the suite asks for no scoring."""
    planned, quality = plan.scoring, plan.suite.quality
    if planned is None or quality is None:
        return None
    return ScoringReport(
        windows=planned.windows,
        window_tokens=quality.window,
        tokens=planned.tokens,
        bytes=planned.bytes,
        sha256=planned.sha256,
        reference=quality.reference,
        targets=tuple(
            _quality(plan, planned, measured, target.target, quality.reference)
            for target in plan.targets
        ),
    )


def _quality(
    plan: Plan, planned: ScoringPlan, measured: Measurements, target: str, reference: str | None
) -> QualityReport:
    windows = measured.scores.get(target, {})
    complete = len(windows) == planned.windows
    word, reason = (None, None) if complete else _absence(plan, planned, measured, target)
    against = measured.scores.get(reference or "", {}) if reference != target else {}
    return QualityReport(
        target=target,
        word=word,
        reason=reason,
        windows=len(windows),
        tokens=sum(len(window.logprobs) for window in windows.values()),
        bytes=sum(window.bytes for window in windows.values()),
        bits_per_byte=bits_per_byte(windows) if complete else None,
        difference=difference(windows, against) if complete else None,
    )


def _absence(
    plan: Plan, planned: ScoringPlan, measured: Measurements, target: str
) -> tuple[NonResult, str]:
    if failure := measured.unscored.get(target):
        return "failed", f"{failure.kind}: {failure.message} (phase: {failure.phase})"
    if planned.skipped is not None:
        return "skipped", planned.skipped
    if any(event.scoring for event in measured.left_out):
        return "skipped", next(event.reason for event in measured.left_out if event.scoring)
    if target not in {launch.target for launch in planned.launches}:
        backend = next(item.backend for item in plan.targets if item.target == target)
        return "unsupported", f"backend {backend} declares no scoring"
    return "skipped", "the run ended before it was scored"
