"""Causes and transports out of what vLLM's processes print.

KV_TOO_SMALL was printed by vLLM 0.32, shortened. NCCL's lines are made up after its format, for
want of two GPUs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crossbench.api import EngineError, OutOfMemory, Unsupported
from crossbench_vllm import log
from crossbench_vllm.failures import failure, words

KV_TOO_SMALL = """\
(EngineCore pid=21) INFO 11-23 08:57:39 [kv_cache_utils.py:2327] CPU KV cache size: 1 tokens
(EngineCore pid=21) ERROR 11-23 08:57:40 [core.py:1510] EngineCore failed to start.
(EngineCore pid=21) ERROR 11-23 08:57:40 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=21) ERROR 11-23 08:57:40 [core.py:1510]   File "core.py", line 1481, in run
(EngineCore pid=21) ERROR 11-23 08:57:40 [core.py:1510] ValueError: To serve at least one request \
with the models's max seq len (256), (0.5 GiB KV cache is needed, which is larger than the \
available KV cache memory (0.1 GiB).
(EngineCore pid=21) Process EngineCore:
(EngineCore pid=21) Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""

OUT_OF_MEMORY = """\
(VllmWorker-1 pid=9) ERROR 11-23 08:57:40 [multiproc_executor.py:953] WorkerProc failed to start.
(VllmWorker-1 pid=9) ERROR 11-23 08:57:40 [multiproc_executor.py:953] torch.OutOfMemoryError: CUDA \
out of memory. Tried to allocate 896.00 MiB.
(EngineCore pid=8) ERROR 11-23 08:57:41 [core.py:1510] Exception: WorkerProc initialization failed \
due to an exception in a background process. See stack trace for root cause.
"""

NCCL = """\
host:21:95 [0] NCCL INFO Channel 00 : 0[0] -> 1[1] via SHM/direct/direct
host:22:96 [1] NCCL INFO Channel 01/0 : 1[c1000] -> 0[41000] via SHM/direct/direct
host:22:96 [1] NCCL INFO Connected all rings
"""


def test_the_first_error_that_is_no_consequence_is_the_cause() -> None:
    assert log.cause(KV_TOO_SMALL).startswith("ValueError: To serve at least one request")
    assert log.cause(OUT_OF_MEMORY).startswith("torch.OutOfMemoryError: CUDA out of memory")


def test_without_an_error_the_last_lines_are_told_and_of_nothing_nothing() -> None:
    assert log.cause("a\nb\n(EngineCore pid=2) c\n\n") == "a | b | c"
    assert log.cause("\n") == ""
    only = "RuntimeError: Engine core initialization failed."
    assert log.cause(only) == only


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (log.cause(KV_TOO_SMALL), OutOfMemory),
        (log.cause(OUT_OF_MEMORY), OutOfMemory),
        ("ValueError: Free memory on device (1/24 GiB) on startup is less than", OutOfMemory),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", OutOfMemory),
        ("AssertionError: 4 is not divisible by 3", Unsupported),
        ("ValueError: FP8 is not supported on this GPU (compute capability 7.5)", Unsupported),
        ("RuntimeError: CUDA error: no kernel image is available", Unsupported),
        ("KeyError: 'model.layers.0'", EngineError),
        ("", EngineError),
    ],
)
def test_a_failure_is_typed_by_vllms_own_words(cause: str, kind: type[EngineError]) -> None:
    error = failure("vLLM could not load m", cause)
    assert type(error) is kind
    assert str(error).startswith("vLLM could not load m: ")
    assert (cause or "output") in str(error)


def test_an_endless_cause_is_cut() -> None:
    assert len(str(failure("x", "y" * 10_000))) < 1000


def test_a_validation_error_is_its_message_alone() -> None:
    class Pydantic(ValueError):
        def errors(self) -> list[dict[str, str]]:
            return [{"msg": "Value error, Unknown\n  quantization"}, {"msg": "Two"}]

    assert words(Pydantic("1 validation error for ModelConfig ...")) == "Unknown quantization; Two"
    assert words(KeyError()) == "KeyError"


def test_nccls_transports_are_read_each_once() -> None:
    assert log.transports(NCCL) == ("SHM/direct/direct",)
    assert log.transports("") == ()


READ = (
    "import os, sys; from crossbench_vllm.log import EngineLog;"
    "os.write(2, b'before'); log = EngineLog(); os.write(2, b'af'); os.write(2, b'ter');"
    "print(log.text())"
)


def test_only_what_came_since_is_read_from_a_log_file_and_nothing_from_a_pipe(
    tmp_path: Path,
) -> None:
    with (tmp_path / "worker.log").open("ab") as file:
        file.write(b"earlier")
        file.flush()
        ran = subprocess.run(
            [sys.executable, "-c", READ], stdout=subprocess.PIPE, stderr=file, check=True
        )
    assert ran.stdout.strip() == b"after"
    piped = subprocess.run([sys.executable, "-c", READ], capture_output=True, check=True)
    assert piped.stdout.strip() == b""
