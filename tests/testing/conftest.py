"""A store of these tests' own: the overlays of fake backends belong into no user's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSBENCH_ENVS", str(tmp_path_factory.mktemp("envs")))
        yield
