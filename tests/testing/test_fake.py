"""The fake engine keeps the contract, so that what a planted defect changes means something."""

from __future__ import annotations

from crossbench.api import Capability
from crossbench.testing import BackendConformance
from tests.conftest import TINY
from tests.testing.fakes.adopter import TestAdopter
from tests.testing.fakes.plugin import declaration

__all__ = ["TestAdopter", "TestSharedLoad", "TestTextOnly"]


class TestSharedLoad(TestAdopter):
    """Scores on the session of all other checks."""

    separate_scoring = False


class TestTextOnly(BackendConformance):
    """A backend that declares nothing is held to the rest."""

    backend = declaration("tests.testing.fakes.streams:TextOnly", without=Capability)
    artifact = TINY / "config.json"
