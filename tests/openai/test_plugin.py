"""What the plugin declares, and that the host reads it without an HTTP client."""

from __future__ import annotations

import importlib
import subprocess
import sys

import msgspec
import pytest

from crossbench.api import BackendSpec, Capability
from crossbench_openai import plugin
from tests.conftest import ROOT


@pytest.fixture
def spec() -> BackendSpec:
    (spec,) = plugin.crossbench_backends()
    return spec


def test_it_promises_only_what_every_server_can(spec: BackendSpec) -> None:
    assert spec.capabilities == {Capability.BATCH}


def test_what_starts_a_program_needs_trust(spec: BackendSpec) -> None:
    assert spec.commands == ("command",)


def test_one_environment_fits_every_machine(spec: BackendSpec) -> None:
    (environment,) = spec.environments.values()
    assert list(spec.environments) == ["any"]
    assert environment.applies.platforms == ()
    assert environment.build_tools == ()


def test_what_it_names_exists(spec: BackendSpec) -> None:
    module, _, name = spec.options.partition(":")
    assert issubclass(getattr(importlib.import_module(module), name), msgspec.Struct)
    module, _, name = spec.factory.partition(":")
    source = ROOT / "plugins" / "crossbench-openai" / module.replace(".", "/")
    assert f"class {name}:" in source.with_suffix(".py").read_text()


def test_the_host_imports_no_client_and_no_tokenizer() -> None:
    code = (
        "import sys, crossbench_openai.plugin, crossbench_openai.options;"
        "print(sorted({'httptools', 'tokenizers', 'asyncio'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
