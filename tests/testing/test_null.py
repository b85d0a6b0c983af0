"""The null engine keeps the contract that it stands for, in what its script does not break."""

from __future__ import annotations

from crossbench.testing import BackendConformance
from tests.conftest import TINY


class TestNull(BackendConformance):
    backend = "null"
    artifact = TINY / "config.json"
    options = {"style": "async", "context_tokens": 512, "tpot_s": 0.001}  # noqa: RUF012 - as an adopter writes it
    bad_options = [{"tpot_s": -1}, {"style": "both"}, {"fault": "misspelt"}]  # noqa: RUF012
