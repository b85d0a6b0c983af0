"""What a plugin's author writes; the tests of the kit put a fake backend into it."""

from __future__ import annotations

from crossbench.testing import BackendConformance
from tests.conftest import TINY
from tests.testing.fakes.plugin import declaration


class TestAdopter(BackendConformance):
    """The kit on a fake engine."""

    backend = declaration()
    plugin = "tests.testing.fakes.plugin"
    artifact = TINY / "config.json"
    options = {"threads": 1}  # noqa: RUF012 - as an adopter writes it
    bad_options = [{"threads": 9}]  # noqa: RUF012
    score_top_k = 258


ADOPTER = TestAdopter
