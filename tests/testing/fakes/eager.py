"""A declaration that imports its engine."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crossbench.api import BackendSpec
from tests.testing.fakes.plugin import declaration

ENGINE = np.__name__


def crossbench_backends() -> Iterable[BackendSpec]:
    """What it declares is right."""
    yield declaration()
