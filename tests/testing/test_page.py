"""The kit's page and its lazy import are held to the code."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from crossbench import testing
from crossbench.testing import BackendConformance
from tests.conftest import ROOT

CHECKS = [name for name in dir(BackendConformance) if name.startswith("test_")]


def test_the_page_lists_every_check_with_its_rule() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    for name in CHECKS:
        rule = " ".join((inspect.getdoc(getattr(BackendConformance, name)) or "").split())
        assert f"| `{name}` | {rule} |" in page, name
    assert page.count("| `test_") == len(CHECKS)


@pytest.mark.parametrize("module", ["null", "conformance.inside"])
def test_what_a_worker_imports_brings_no_pytest(module: str) -> None:
    code = (
        f"import sys, crossbench.testing.{module}\n"
        "print(sorted({'pytest', 'pluggy', 'psutil'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Conformance'"):
        _ = testing.Conformance
