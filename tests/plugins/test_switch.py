"""Plugins are switched off by an option and by an environment variable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.plugins import switch
from crossbench.registry import Registry
from tests.conftest import Crossbench, SuiteWriter


def test_the_variable_leaves_plugins_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(switch.VARIABLE, "mlx, Crossbench_vLLM")
    registry = Registry()
    assert [who.plugin for who in registry.disabled] == ["mlx", "vllm"]
    assert not {"mlx", "vllm"} & set(registry.backends)
    assert "llamacpp" in registry.backends


def test_a_backend_that_is_switched_off_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(switch.VARIABLE, "mlx")
    with pytest.raises(InputError, match=r"plugin mlx \(crossbench-mlx .*\) is switched off"):
        Registry().backend("mlx")


def test_the_option_adds_to_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(switch.VARIABLE, "mlx")
    switch.switch_off(["crossbench-vllm"])
    assert {who.plugin for who in Registry().disabled} == {"mlx", "vllm"}


def test_a_name_that_no_plugin_has_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no such plugin \(did you mean 'mlx'\?\)"):
        switch.switch_off(["mlxx"])


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_the_option_reaches_every_command(
    crossbench: Crossbench, suite: SuiteWriter, tmp_path: Path
) -> None:
    done = crossbench("--disable", "null", "plugins", "list", "--json")
    states = {each["plugin"]: each["state"] for each in json.loads(done.stdout)["plugins"]}
    assert states["null"] == "switched off"
    assert states["mlx"] == "ok"
    planned = crossbench("--disable", "null", "plan", suite())
    assert planned.returncode == 3
    assert "is switched off (CROSSBENCH_DISABLE_PLUGINS)" in planned.stdout + planned.stderr
    assert crossbench("--disable", "nothing", "plan", suite()).returncode == 2
