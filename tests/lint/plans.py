"""Real plans for the rules to look at: suites on disk, read and planned as the command does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from crossbench.api import Finding
from crossbench.plan.model import Plan
from crossbench.plan.selection import Selection
from crossbench.provision.prepare import prepare
from tests.conftest import TINY, Silent

GGUF = TINY / "tiny-f16.gguf"
ARTIFACTS = {"llamacpp": GGUF, "vllm": TINY, "mlx": TINY, "null": TINY / "config.json"}


def suite(
    folder: Path,
    targets: Mapping[str, str],
    *,
    variant: str = "",
    artifacts: Mapping[str, Path] | None = None,
    more: str = "",
    prompt_tokens: int = 16,
) -> Path:
    """A suite of targets "backend: options", the name of each that of its backend and a number."""
    tables = ""
    for name, options in targets.items():
        backend = name.partition("-")[0]
        artifact = (artifacts or {}).get(name, ARTIFACTS[backend])
        wanted = f'variant = "{variant}"\n' if variant and backend != "null" else ""
        tables += (
            f'[targets.{name}]\nbackend = "{backend}"\nartifact = "{artifact}"\n'
            f"{wanted}options = {{ {options} }}\n"
        )
    path = folder / "suite.toml"
    path.write_text(
        f'schema = 1\nname = "trial"\n[model]\nname = "tiny"\ntokenizer = "{TINY}"\n{tables}'
        f'[protocol]\nprofile = "quick"\n{more}\n[[scenarios]]\nname = "short"\n'
        f"prompt_tokens = {prompt_tokens}\noutput_tokens = 24\n"
    )
    return path


def planned(path: Path, *ignored: str) -> Plan:
    """The plan of a suite on this machine, or the one that it seems to be."""
    selection = Selection(ignored=ignored)
    return prepare(path, profile=None, selection=selection, progress=Silent()).plan


def found(plan: Plan, rule: str) -> Finding:
    """The one finding of a rule."""
    (finding,) = [finding for finding in plan.findings if finding.rule == rule]
    return finding


def rules(plan: Plan, prefix: str = "") -> list[str]:
    """Names of the rules that found something."""
    return [finding.rule for finding in plan.findings if finding.rule.startswith(prefix)]
