"""Do all engines compute the same model? Each against a float64 forward pass, as a table.

    python -m benchmarks.agreement [--python BACKEND=PATH ...]

Prompts are drawn by a seed: held-out text, and ids that mean nothing. Along given ids the
log-probabilities of every engine may differ from float64 by no more than its tolerance, and greedy
ids must be equal wherever the float64 margin between the two likeliest exceeds twice that. Two RPC
servers on loopback are llama.cpp's two devices.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crossbench.api import ModelRef, Needs, Request
from crossbench.envs import environment, overlay
from crossbench.envs.environment import Environment
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.registry import Registry
from crossbench.report.words import table
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, Ready, Score, Scored
from crossbench.worker.supervisor import WorkerProcess
from tests.reference import Reference

ROOT = Path(__file__).parents[1]
TINY = ROOT / "suites" / "models" / "tiny"
TEXT = ROOT / "suites" / "quality" / "tiny-held-out.txt"
SEED = 4
PROMPTS = 4
"""Of each kind."""
TOKENS = 48
STRICT, LOOSE = 5e-4, 2e-2
"""Tolerances of a log-probability: f32 throughout; flash attention, or a KV cache of f16."""
F32 = {"flash_attn": "off", "type_k": "f32", "type_v": "f32", "threads": 1}
VLLM = {"dtype": "float32", "enforce_eager": True, "kv_cache_gib": 0.125}


class Case(NamedTuple):
    """One engine in one setting."""

    name: str
    backend: str
    artifact: str
    options: Mapping[str, Any]
    tolerance: float


def cases(servers: Sequence[str], f32: str) -> list[Case]:
    """`servers` are two RPC endpoints, `f32` the tiny model as a GGUF of f32 weights."""
    two = {"threads": 1, "rpc_servers": list(servers)}
    return [
        Case("llama.cpp, f32", "llamacpp", f32, F32, STRICT),
        Case("llama.cpp, flash attention, f16 KV", "llamacpp", f32, {"threads": 1}, LOOSE),
        Case("llama.cpp, two devices by layer, f32", "llamacpp", f32, {**F32, **two}, STRICT),
        Case(
            "llama.cpp, two devices by tensor",
            "llamacpp",
            f32,
            {**two, "split_mode": "tensor", "type_k": "f32", "type_v": "f32"},
            LOOSE,
        ),
        Case("vLLM, f32", "vllm", str(TINY), VLLM, STRICT),
        Case("vLLM, TP=2, f32", "vllm", str(TINY), {**VLLM, "tensor_parallel_size": 2}, STRICT),
        Case("MLX, f32", "mlx", str(TINY), {"dtype": "float32"}, STRICT),
    ]


def prompts() -> list[list[int]]:
    """Pieces of held-out text, then random plain ids; the same for every engine."""
    draw = random.Random(SEED)
    tokenizer = CanonicalTokenizer.load(TINY)
    text = tokenizer.encode_verbatim(TEXT.read_text())
    head, plain = list(tokenizer.head_ids), tokenizer.plain_ids
    starts = [draw.randrange(len(text) - 100) for _ in range(PROMPTS)]
    natural = [head + list(text[start : start + draw.randrange(8, 64)]) for start in starts]
    lengths = [draw.randrange(8, 64) for _ in range(PROMPTS)]
    return natural + [head + draw.choices(plain, k=length) for length in lengths]


@contextmanager
def loaded(case: Case, found: Environment, folder: Path) -> Iterator[WorkerProcess]:
    """A worker that has the case's model, one request at a time."""
    spec = Registry().backend(case.backend).spec
    overlay.lay(spec)
    worker = WorkerProcess(
        python=found.python,
        environ=environ(found),
        log=folder / f"{case.backend}.log",
        deadlines=Deadlines(),
    )
    try:
        worker.ask(
            Load(
                factory=spec.factory,
                options_type=spec.options,
                options=dict(case.options),
                model=ModelRef(path=case.artifact, name="tiny"),
                needs=Needs(context_tokens=256, scoring=True),
                distributions=(),
            ),
            Ready,
        )
        yield worker
    finally:
        worker.end()


def row(case: Case, worker: WorkerProcess, reference: Reference) -> list[str]:
    """How far the case is from float64, and whether that is allowed."""
    largest, astray, equal, outputs = 0.0, 0, 0, 0
    for number, prompt in enumerate(prompts()):
        request = Request(id=str(number), prompt_ids=tuple(prompt), max_tokens=TOKENS)
        (record,) = worker.ask(Measure(requests=(request,)), Measured).records
        if record.failure is not None or record.token_ids is None:
            raise SystemExit(f"{case.name}: {record.failure}")
        outputs += 1
        equal += list(record.token_ids) == greedy(reference, tuple(prompt))
        astray += len(reference.astray(prompt, record.token_ids, case.tolerance))
        ids = [*prompt, *record.token_ids]
        told = worker.ask(Score(ids=tuple(ids), first=1, top_k=0), Scored).scores
        pairs = zip(told, reference.given(ids, 1), strict=True)
        largest = max(largest, *(abs(score.logprob - given) for score, given in pairs))
    agrees = largest <= case.tolerance and not astray
    return [
        case.name,
        f"{largest:.1e}",
        f"{case.tolerance:g}",
        f"{equal} of {outputs}",
        str(astray),
        "agrees" if agrees else "DIFFERS",
    ]


@cache
def greedy(reference: Reference, prompt: tuple[int, ...]) -> list[int]:
    """The likeliest continuation in float64, computed once for all engines."""
    return reference.greedy(prompt, TOKENS)


@contextmanager
def two_devices(found: Environment) -> Iterator[list[str]]:
    """Two RPC servers on loopback, as endpoints."""
    server = ["-m", "crossbench_llamacpp.rpc_server", "--port", "0", "--threads", "1"]
    command = [str(found.python), *server]
    with ExitStack() as stack:
        endpoints = []
        for _ in range(2):
            process = subprocess.Popen(
                command,
                env=dict(environ(found)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            assert process.stdout is not None
            endpoints.append(process.stdout.readline().split()[-1])
        yield endpoints


def widened(found: Environment, folder: Path) -> str:
    """The tiny GGUF with f32 weights: by f16 ones llama.cpp rounds activations to f16 as well."""
    code = (
        "import ctypes, sys, llama_cpp as l; p = l.llama_model_quantize_default_params(); "
        "p.ftype = l.LLAMA_FTYPE_ALL_F32; p.allow_requantize = True; "
        "sys.exit(l.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), "
        "ctypes.byref(p)))"
    )
    path = folder / "tiny-f32.gguf"
    subprocess.run(
        [str(found.python), "-c", code, str(TINY / "tiny-f16.gguf"), str(path)],
        env=dict(environ(found)),
        check=True,
        capture_output=True,
    )
    return str(path)


def main() -> None:
    """Print the table; exit 1 where an engine differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", default=[], metavar="BACKEND=PATH")
    named = dict(given.split("=", 1) for given in parser.parse_args().python)
    registry = Registry()
    have = {}
    for name in ("llamacpp", "vllm", "mlx"):
        path = Path(named[name]) if name in named else None
        found = environment.find(registry.backend(name).spec, None, path)
        if found is None:
            raise SystemExit(f"no environment of {name}; run: crossbench envs build {name}")
        have[name] = found
    overlay.lay(registry.backend("llamacpp").spec)
    reference = Reference(TINY)
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="crossbench-agreement-") as name,
        two_devices(have["llamacpp"]) as servers,
    ):
        folder = Path(name)
        for case in cases(servers, widened(have["llamacpp"], folder)):
            with loaded(case, have[case.backend], folder) as worker:
                rows.append(row(case, worker, reference))
                print(rows[-1], flush=True)
    head = ["engine", "largest dlogp", "allowed", "equal greedy outputs", "astray", "verdict"]
    print(table(head, rows, numeric=0))
    raise SystemExit(any(each[-1] != "agrees" for each in rows))


if __name__ == "__main__":
    main()
