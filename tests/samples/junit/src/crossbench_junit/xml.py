"""A report as JUnit's XML: each cell a test case, what was not measured an error or skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

if TYPE_CHECKING:
    from crossbench.report.model import Report


def render(report: Report) -> bytes:
    """One test suite; the time of a case is that of its first token, in seconds."""
    suite = Xml.Element("testsuite", name=report.suite)
    for scenario in report.scenarios:
        for cell in scenario.cells:
            values = {metric.name: metric.value for metric in cell.metrics}
            ttft_s = values.get("ttft_s") or 0.0
            Xml.SubElement(
                suite, "testcase", classname=scenario.name, name=cell.target, time=f"{ttft_s:.6f}"
            )
    for missing in report.non_results:
        case = Xml.SubElement(
            suite, "testcase", classname=missing.scenario or "all", name=missing.target
        )
        kind = "error" if missing.word == "failed" else "skipped"
        Xml.SubElement(case, kind, message=f"{missing.word}: {missing.reason}")
    Xml.indent(suite)
    return bytes(Xml.tostring(suite, encoding="utf-8", xml_declaration=True)) + b"\n"
