"""crossbench at several requests at once against the engine's own benchmark of that.

python -m benchmarks.batched llamacpp    against a C loop; with --program llama-batched-bench too
python -m benchmarks.batched vllm        against vLLM's own, 8 and 32 at once
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.batched import figures, llamacpp, vllm
from benchmarks.batched.crowd import Load
from benchmarks.batched.figures import Repetition
from benchmarks.engine import Engine
from benchmarks.llamacpp import compiling

ROOT = Path(__file__).parents[2]
TINY = ROOT / "suites/models/tiny"
STREAMS = {"llamacpp": [8], "vllm": [8, 32]}
LLAMACPP_LAYERS, VLLM_LAYERS = 8, 4


def measure(
    repetition: Callable[[int], Repetition],
    count: int,
    title: str,
    rivals: Sequence[str],
    judged: str,
) -> str:
    """All repetitions as markdown."""
    before, began = os.getloadavg()[0], time.monotonic()
    measured = []
    for number in range(count):
        measured.append(repetition(number))
        print(f"{number + 1}/{count}: {figures.line(measured[-1])}", file=sys.stderr)
    minutes = (time.monotonic() - began) / 60
    facts = (
        f"{count} repetitions in {minutes:.1f} minutes. Load average before {before:.2f}, after "
        f"{os.getloadavg()[0]:.2f}."
    )
    table = figures.markdown(measured, rivals, judged)
    return "\n".join([f"### {title}", "", facts, "", table, ""])


def of_llamacpp(chosen: argparse.Namespace, load: Load, folder: Path) -> str:
    """Against llama-batched-bench."""
    path = TINY / "tiny-f16.gguf"
    if chosen.model == "random":
        from benchmarks.llamacpp import model  # noqa: PLC0415 - gguf, which writes it

        path = folder / "random-f16.gguf"
        if not path.exists():
            model.write(path, chosen.layers or LLAMACPP_LAYERS)
    engine = Engine.find("llamacpp", chosen.python)
    library = folder / "loop.so"
    compiling.loop(engine, library, "-shared", "-fPIC", source=Path(__file__).with_name("loop.c"))
    arena = llamacpp.Arena(
        engine=engine,
        library=library,
        program=chosen.program and chosen.program.resolve(),
        model=path,
        threads=chosen.threads,
        load=load,
        rounds=chosen.rounds,
        folder=folder,
    )
    return measure(
        lambda number: llamacpp.repetition(arena, number),
        chosen.repetitions,
        f"llama.cpp, {_told(load)}, {path.name}, {chosen.threads} thread(s)",
        llamacpp.rivals(arena),
        llamacpp.JUDGED,
    )


def of_vllm(chosen: argparse.Namespace, load: Load, folder: Path) -> str:
    """Against vLLM's own throughput benchmark."""
    path = TINY
    if chosen.model == "random":
        from benchmarks.engines import model  # noqa: PLC0415 - as above

        path = folder / "random"
        if not path.exists():
            model.write(path, chosen.layers or VLLM_LAYERS)
    arena = vllm.Arena(
        engine=Engine.find("vllm", chosen.python),
        model=path,
        load=load,
        rounds=chosen.rounds,
        folder=folder,
    )
    return measure(
        lambda number: vllm.repetition(arena, number),
        chosen.repetitions,
        f"vLLM, {_told(load)}, {path.name}",
        [vllm.RIVAL],
        vllm.JUDGED,
    )


def _told(load: Load) -> str:
    return (
        f"{load.streams} requests at once of {load.prompt} prompt and {load.output} output tokens"
    )


def main() -> None:
    """Measure one engine and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", choices=STREAMS)
    parser.add_argument("--streams", type=int, action="append", help="may be repeated")
    parser.add_argument("--model", choices=["random", "tiny"], default="random")
    parser.add_argument("--layers", type=int, help="of the random model")
    parser.add_argument("--python", type=Path, help="an interpreter that has the engine")
    parser.add_argument("--program", type=Path, help="llama-batched-bench, to take part too")
    parser.add_argument("--threads", type=int, default=1, help="of llama.cpp")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of each prompt")
    parser.add_argument("--output", type=int, default=65, help="tokens of each answer, at least 2")
    parser.add_argument("--repetitions", type=int, default=6, help="fresh processes, at least 2")
    parser.add_argument("--rounds", type=int, default=4, help="of a repetition, after a first one")
    chosen = parser.parse_args()
    of_engine = {"llamacpp": of_llamacpp, "vllm": of_vllm}[chosen.engine]
    with tempfile.TemporaryDirectory(prefix="crossbench-batched-") as name:
        for streams in chosen.streams or STREAMS[chosen.engine]:
            load = Load(streams, chosen.prompt, chosen.output)
            print(of_engine(chosen, load, Path(name)), flush=True)


if __name__ == "__main__":
    main()
