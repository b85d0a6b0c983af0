"""Quality in a report of several runs: a difference is only against what its column names."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.analysis.quality import Difference
from crossbench.report.markdown.quality import quality
from crossbench.report.model import Report
from crossbench.report.quality_model import QualityReport, ScoringReport
from crossbench.report.several import _scoring
from tests.report.material import usual


def scored(report: Report, reference: str) -> Report:
    """All targets scored, each against that one."""
    found = Difference(bits_per_byte=0.01, low=None, high=None, top1_agreement=0.9, windows=2)
    return replace(
        report,
        scoring=ScoringReport(
            windows=2,
            window_tokens=256,
            tokens=256,
            bytes=900,
            sha256="ab",
            reference=reference,
            targets=tuple(
                QualityReport(
                    target=target.name,
                    word=None,
                    reason=None,
                    windows=2,
                    tokens=256,
                    bytes=900,
                    bits_per_byte=0.5,
                    difference=None if target.name == reference else found,
                )
                for target in report.targets
            ),
        ),
    )


def other(report: Report) -> Report:
    """The same with an artifact of other bytes for each target."""
    return replace(
        report,
        targets=tuple(
            replace(each, artifact=replace(each.artifact, sha256=f"{each.name}-else"))
            for each in report.targets
        ),
    )


def test_a_difference_to_another_reference_is_withheld() -> None:
    here = scored(usual(), "one")
    merged = _scoring([here, scored(other(usual()), "one")], ["box", "mac"])
    assert merged is not None
    own, others = merged.targets[: len(here.targets)], merged.targets[len(here.targets) :]
    assert all(each.difference for each in own if each.target != "one")
    assert not any(each.difference for each in others)
    assert {each.reason for each in others} == {"mac was held against another artifact"}
    page = "\n".join(quality(replace(here, scoring=merged)))
    assert "No difference of two: mac was held against another artifact." in page


def test_one_to_the_same_bytes_stays() -> None:
    here = scored(usual(), "one")
    merged = _scoring([here, here], ["box", "again"])
    assert merged is not None
    assert [each.difference is None for each in merged.targets] == [
        each.target == "one" for each in merged.targets
    ]
