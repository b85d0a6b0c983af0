"""The integrity panel: what was looked for, and whether it was there."""

from __future__ import annotations

from collections.abc import Sequence

from crossbench.analysis.check import Check, Origin
from crossbench.report.words import escaped, table

TITLES = {
    "power-limit": "power limit changed",
    "low-power": "on battery or saving energy",
    "cpu-governor": "clock governor slow to rise",
    "machine-changed": "settings changed between launches",
    "clocks-set": "clocks set by hand",
    "throttled": "clocks held back",
    "processor-throttled": "processor's clocks held back",
    "link-below-maximum": "PCIe link below its maximum under load",
    "partial-offload": "model only in part on GPUs",
    "swapped": "memory swapped out",
    "other-load": "processor time taken by others",
    "foreign-process": "another process on its devices",
    "suspended": "machine suspended",
}
ORIGINS: dict[Origin, str] = {
    "machine": "the machine's own",
    "outside": "from outside",
    "setting": "setting",
}
FOUND = {True: "**yes**", False: "no", None: "not known"}


def panel(checks: Sequence[Check]) -> str:
    """A line for each thing that was looked for, and each answer; nothing without any."""
    subjects: dict[tuple[str, Origin, bool | None, str], list[str]] = {}
    for check in checks:
        key = (check.rule, check.origin, check.found, check.evidence)
        subjects.setdefault(key, []).append(check.subject)
    order = list(TITLES)
    rows = [
        [
            TITLES[rule],
            ORIGINS[origin],
            escaped(", ".join(of)),
            FOUND[found],
            escaped(evidence),
        ]
        for (rule, origin, found, evidence), of in sorted(
            subjects.items(), key=lambda item: order.index(item[0][0])
        )
    ]
    return table(["what", "whence", "of", "found", "evidence"], rows) if rows else ""
