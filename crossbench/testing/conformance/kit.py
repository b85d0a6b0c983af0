"""The class a third party subclasses."""

from __future__ import annotations

from crossbench.testing.conformance.crowd import AbortChecks, CrowdChecks
from crossbench.testing.conformance.declaration import DeclarationChecks
from crossbench.testing.conformance.lives import LifeChecks
from crossbench.testing.conformance.sampling import ColdChecks, SamplingChecks
from crossbench.testing.conformance.scoring import ScoreChecks
from crossbench.testing.conformance.streams import StreamChecks


class BackendConformance(
    DeclarationChecks,
    StreamChecks,
    SamplingChecks,
    ColdChecks,
    ScoreChecks,
    CrowdChecks,
    AbortChecks,
    LifeChecks,
):
    """Every promise of the contract, checked on a backend through the real worker.

    A plugin adopts it in a few lines, in a test file of its own::

        from crossbench.testing import BackendConformance

        class TestMine(BackendConformance):
            backend = "mine"
            artifact = Path("models/small")
            options = {"threads": 1}
            bad_options = [{"threads": 0}]

    `Checks` explains all attributes, docs/conformance.md lists all checks. What the backend does
    not declare is skipped, with the reason. A check that fails says what was found, the rule, and
    what to do. The model is loaded once for most checks, once for scores, and `loads` times in one
    process to see what is left.
    """
