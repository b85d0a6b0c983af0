from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.api import Applies, EnvSpec
from crossbench.envs.variant import Facts, choose, has_cuda, observe, platform_name
from crossbench.errors import EnvironmentFailure, InputError
from tests.envs.conftest import backend

SPEC = backend(
    cuda=EnvSpec(requirements=("e",), applies=Applies(device="cuda", tools=("nvcc",))),
    metal=EnvSpec(requirements=("e",), applies=Applies(platforms=("macos-arm64",), device="metal")),
    cpu=EnvSpec(requirements=("e",), applies=Applies(platforms=("linux-x86_64", "macos-arm64"))),
    rpc=EnvSpec(requirements=("e",)),
)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (Facts(platform="linux-x86_64", cuda=True, tools=frozenset({"nvcc"})), "cuda"),
        (Facts(platform="linux-x86_64", cuda=True), "cpu"),
        (Facts(platform="linux-x86_64", tools=frozenset({"nvcc"})), "cpu"),
        (Facts(platform="macos-arm64", metal=True), "metal"),
        (Facts(platform="macos-arm64"), "cpu"),
        (Facts(platform="linux-riscv64"), "rpc"),
    ],
)
def test_first_variant_that_fits_is_chosen(facts: Facts, name: str) -> None:
    choice = choose(SPEC, None, facts)

    assert (choice.name, choice.environment) == (name, SPEC.environments[name])
    assert choice.against == ()


def test_a_better_variant_that_only_lacks_a_program_is_mentioned() -> None:
    near = choose(SPEC, None, Facts(platform="linux-x86_64", cuda=True))
    far = choose(SPEC, None, Facts(platform="linux-x86_64"))

    assert near.nearly == ("cuda: not on the PATH: nvcc",)
    assert far.nearly == ()


def test_a_cuda_toolkit_off_the_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/tiny-nvcc"
    program.parent.mkdir()
    program.touch(0o755)
    assert observe([program.name]).tools == frozenset()

    monkeypatch.setenv("CUDA_HOME", str(tmp_path))

    assert observe([program.name]).tools == {program.name}


def test_wanted_variant_is_taken_even_where_it_does_not_fit() -> None:
    choice = choose(SPEC, "cuda", Facts(platform="linux-x86_64"))

    assert choice.name == "cuda"
    assert choice.against == ("no CUDA device was found", "not on the PATH: nvcc")


def test_unknown_variant_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(InputError, match=r"no variant 'cud'; allowed: cuda, metal, cpu, rpc"):
        choose(SPEC, "cud", Facts(platform="linux-x86_64"))


def test_when_none_fits_each_variant_says_why() -> None:
    spec = backend(cuda=SPEC.environments["cuda"], metal=SPEC.environments["metal"])

    with pytest.raises(EnvironmentFailure) as caught:
        choose(spec, None, Facts(platform="linux-x86_64", cuda=True))

    message = str(caught.value)
    assert "cuda: not on the PATH: nvcc" in message
    assert "metal: it is made for macos-arm64, this is linux-x86_64; no Metal device" in message


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        (["dev/nvidia0"], {}, True),
        (["dev/nvidia0"], {"CUDA_VISIBLE_DEVICES": "1"}, True),
        (["dev/nvidia0"], {"CUDA_VISIBLE_DEVICES": ""}, False),
        (["dev/nvidia0"], {"CUDA_VISIBLE_DEVICES": "-1"}, False),
        (["dev/nvidiactl", "proc/driver/nvidia/version"], {}, False),
        (["dev/dxg", "usr/lib/wsl/lib/libnvidia-ml.so.1"], {}, True),
        (["dev/dxg"], {}, False),
        ([], {}, False),
    ],
)
def test_cuda_is_there_when_its_device_can_be_opened(
    tmp_path: Path, files: list[str], environ: dict[str, str], expected: bool
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    assert has_cuda(tmp_path, environ) is expected


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Darwin", "arm64", "macos-arm64"),
        ("Windows", "AMD64", "windows-amd64"),
    ],
)
def test_platforms_have_the_contracts_names(system: str, machine: str, name: str) -> None:
    assert platform_name(system, machine) == name


def test_tools_of_this_machine_are_looked_up() -> None:
    assert observe(["sh", "no-such-program"]).tools == {"sh"}
