"""What the plugin declares."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec
import pytest

from crossbench.api import Applies, BackendSpec, Capability
from crossbench_llamacpp import plugin

ROOM = Path(plugin.__file__).parent
VARIANTS = ["cuda", "metal", "cpu", "rpc"]


@pytest.fixture
def spec() -> BackendSpec:
    (spec,) = plugin.crossbench_backends()
    return spec


def test_the_environments_stand_in_order_of_choice(spec: BackendSpec) -> None:
    assert list(spec.environments) == VARIANTS
    assert spec.environments["cuda"].applies == Applies(device="cuda", tools=("nvcc",))
    assert spec.environments["metal"].applies == Applies(platforms=("macos-arm64",))
    assert spec.environments["cpu"].applies == Applies()


@pytest.mark.parametrize(
    ("variant", "define"),
    [*((variant, "RPC") for variant in VARIANTS), ("cuda", "CUDA"), ("metal", "METAL")],
)
def test_each_variant_compiles_its_backend_in(spec: BackendSpec, variant: str, define: str) -> None:
    settings = spec.environments[variant].build_settings["llama-cpp-python"]
    assert settings[f"cmake.define.GGML_{define}"] == "ON"


@pytest.mark.parametrize("variant", ["cpu", "rpc"])
def test_a_variant_for_the_cpu_compiles_no_accelerator_in(spec: BackendSpec, variant: str) -> None:
    settings = spec.environments[variant].build_settings["llama-cpp-python"]
    assert [name for name, value in settings.items() if value == "ON"] == ["cmake.define.GGML_RPC"]


def test_a_prebuilt_wheel_serves_only_where_nothing_must_be_compiled_in(spec: BackendSpec) -> None:
    assert [name for name, env in spec.environments.items() if env.wheels_serve] == ["cpu"]


def test_one_version_of_the_engine_is_pinned_and_recorded_first(spec: BackendSpec) -> None:
    for environment in spec.environments.values():
        assert "llama-cpp-python==0.3.36" in environment.requirements
    assert spec.distributions[0] == "llama-cpp-python"


def test_what_it_names_exists(spec: BackendSpec) -> None:
    module, _, name = spec.options.partition(":")
    assert issubclass(getattr(importlib.import_module(module), name), msgspec.Struct)
    module, _, name = spec.factory.partition(":")
    source = (ROOM / f"{module.rpartition('.')[2]}.py").read_text()
    assert f"class {name}:" in source


def test_all_is_promised(spec: BackendSpec) -> None:
    assert spec.capabilities == set(Capability)
