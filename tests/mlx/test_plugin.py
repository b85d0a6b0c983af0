"""What the plugin declares."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from crossbench.api import Applies, BackendSpec, Capability
from crossbench_mlx import plugin

ROOM = Path(plugin.__file__).parent


@pytest.fixture
def spec() -> BackendSpec:
    (spec,) = plugin.crossbench_backends()
    return spec


def test_the_environments_stand_in_order_of_choice(spec: BackendSpec) -> None:
    applies = {name: environment.applies for name, environment in spec.environments.items()}
    assert list(applies) == ["metal", "cuda", "cpu"]
    assert applies["metal"] == Applies(platforms=("macos-arm64",), device="metal")
    assert applies["cuda"] == Applies(platforms=("linux-x86_64",), device="cuda")
    assert applies["cpu"] == Applies(platforms=("linux-x86_64", "linux-aarch64"))


@pytest.mark.parametrize(
    ("variant", "requirement"),
    [
        ("metal", "mlx-lm==0.32.2"),
        ("cuda", "mlx-lm[cuda13]==0.32.2"),
        ("cpu", "mlx-lm[cpu]==0.32.2"),
    ],
)
def test_each_variant_asks_for_its_backend_of_one_version(
    spec: BackendSpec, variant: str, requirement: str
) -> None:
    assert spec.environments[variant].requirements[0] == requirement


def test_the_versions_of_mlx_lm_and_of_mlx_are_recorded(spec: BackendSpec) -> None:
    assert spec.distributions[:2] == ("mlx-lm", "mlx")


def test_what_it_names_exists(spec: BackendSpec) -> None:
    module, _, name = spec.options.partition(":")
    assert issubclass(getattr(importlib.import_module(module), name), msgspec.Struct)
    module, _, name = spec.factory.partition(":")
    assert f"class {name}:" in (ROOM / f"{module.rpartition('.')[2]}.py").read_text()


def test_all_is_promised(spec: BackendSpec) -> None:
    assert spec.capabilities == set(Capability)


def test_declaration_and_options_import_no_engine() -> None:
    code = (
        "import sys, crossbench_mlx.plugin, crossbench_mlx.options;"
        "sys.exit(bool({'mlx', 'mlx_lm', 'tokenizers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
