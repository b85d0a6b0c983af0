"""Options become variables of vLLM's processes, and are taken back."""

from __future__ import annotations

import os

import pytest

from crossbench_vllm import variables
from crossbench_vllm.options import VllmOptions
from crossbench_vllm.variables import Variables

CPUS = [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def _no_nccl_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NCCL_")]:
        monkeypatch.delenv(name)


def test_nccl_is_told_what_the_options_say_in_its_own_words() -> None:
    options = VllmOptions(
        nccl_p2p_disable=True,
        nccl_shm_disable=False,
        nccl_p2p_level="SYS",
        nccl_min_nchannels=4,
        nccl_algo="Ring",
        skip_p2p_check=False,
    )
    assert variables.of(options, cpu=False, cpus=CPUS) == {
        "NCCL_P2P_DISABLE": "1",
        "NCCL_SHM_DISABLE": "0",
        "NCCL_P2P_LEVEL": "SYS",
        "NCCL_MIN_NCHANNELS": "4",
        "NCCL_ALGO": "Ring",
        "VLLM_SKIP_P2P_CHECK": "0",
    }


def test_what_no_option_names_is_left_alone() -> None:
    assert variables.of(VllmOptions(), cpu=False, cpus=CPUS) == {}
    assert variables.of(VllmOptions(), cpu=True, cpus=CPUS) == {}


def test_several_gpus_tell_their_transports_unless_the_user_set_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = VllmOptions(tensor_parallel_size=2)
    assert variables.of(options, cpu=False, cpus=CPUS)["NCCL_DEBUG"] == "INFO"
    monkeypatch.setenv("NCCL_DEBUG", "WARN")
    assert "NCCL_DEBUG" not in variables.of(options, cpu=False, cpus=CPUS)
    assert variables.nccl(os.environ) == {"NCCL_DEBUG": "WARN"}


@pytest.mark.parametrize(
    ("ranks", "cpus", "bind"),
    [(2, [0, 1], "0|1"), (2, [5, 3, 1, 7], "1,3|5,7"), (2, [0, 1, 2], "0|1"), (4, [0, 1], None)],
)
def test_several_ranks_share_the_cpus_equally(
    ranks: int, cpus: list[int], bind: str | None
) -> None:
    told = variables.of(VllmOptions(tensor_parallel_size=ranks), cpu=True, cpus=cpus)
    assert told.get("VLLM_CPU_OMP_THREADS_BIND") == bind


def test_a_binding_that_is_asked_for_is_taken() -> None:
    options = VllmOptions(cpu_omp_threads_bind="1")
    assert variables.of(options, cpu=True, cpus=CPUS) == {"VLLM_CPU_OMP_THREADS_BIND": "1"}


def test_nothing_is_sent_or_fetched() -> None:
    assert variables.ALWAYS["VLLM_NO_USAGE_STATS"] == variables.ALWAYS["DO_NOT_TRACK"] == "1"
    assert variables.ALWAYS["HF_HUB_OFFLINE"] == "1"
    assert variables.ALWAYS["VLLM_HOST_IP"] == "127.0.0.1"


def test_variables_are_put_back_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCL_ALGO", "Tree")
    settings = Variables()
    settings.set({"NCCL_ALGO": "Ring", "NCCL_PROTO": "LL"})
    settings.set({"NCCL_ALGO": "CollNet"})
    assert (os.environ["NCCL_ALGO"], os.environ["NCCL_PROTO"]) == ("CollNet", "LL")
    settings.restore()
    assert os.environ["NCCL_ALGO"] == "Tree"
    assert "NCCL_PROTO" not in os.environ
