"""Standin keeps the contract."""

from pathlib import Path

from crossbench.testing import BackendConformance


class TestStandin(BackendConformance):
    """Every rule of docs/conformance.md, in real workers."""

    backend = "standin"
    artifact = Path(__file__)  # a small model of your engine's; the stand-in takes any file
    options = {"token_s": 0.0002}
    bad_options = [{"token_s": -1.0}]
