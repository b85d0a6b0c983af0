"""The HTTP plugin keeps the contract, on a real server that it starts and ends for each load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import engine
from tests.openai import servers
from tests.plugins import ours


@pytest.mark.slow
@pytest.mark.engine("openai")
@pytest.mark.engine("llamacpp")
@pytest.mark.timeout(300)
def test_every_rule_of_the_contract_is_kept(tmp_path: Path) -> None:
    """`llama_cpp.server`, on the environment of llamacpp; the page has it in the plugin's own."""
    python = engine("llamacpp").python
    extras = tmp_path / "extras"
    servers.install(extras, python)
    environ = f'environ={{PYTHONPATH = "{extras}"}}'
    ours.assert_kept(
        "openai",
        places={"{python}": str(python)},
        more=["--option", environ],
        either=["several-requests-run-at-once"],  # one by one, but read together by a late client
    )
