"""crossbench as a client: the openai plugin in a worker, as a run drives it.

`python -m benchmarks.peers.ours BASE_URL --streams C --requests N --tokens T --out FILE` writes one
JSON object a request: what crossbench makes of it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import msgspec

from benchmarks.peers import answers
from benchmarks.peers.claim import Claim
from crossbench.analysis.stream import tokens
from crossbench.api import ModelRef, Needs, Request
from crossbench.envs import environment, overlay
from crossbench.envs.environment import Environment
from crossbench.registry import Registry
from crossbench.run.launch import environ
from crossbench.suite.tables.protocol import Deadlines
from crossbench.worker.protocol import Load, Measure, Measured, Ready, Record
from crossbench.worker.supervisor import WorkerProcess

TINY = Path(__file__).parents[2] / "suites" / "models" / "tiny"
PROMPT = (0, *range(300, 331))
"""32 ids."""


def claim(record: Record) -> Claim:
    """TTFT and TPOT as docs/metrics.md defines them."""
    if record.failure is not None:
        raise SystemExit(f"{record.id}: {record.failure.message}")
    n, first = tokens(record)
    stamps = [
        stamp for stamp, size in zip(record.stamps_ns, record.text_bytes, strict=True) if size
    ]
    return Claim(
        number=answers.number(record.text or ""),
        header=None,
        ttft_ns=stamps[0],
        tpot_ns=(stamps[-1] - stamps[0]) / (n - first),
    )


def measured(url: str, found: Environment, streams: int, requests: int, output: int) -> list[Claim]:
    """All requests in a closed loop of so many users, after one warm-up request each."""
    spec = Registry().backend("openai").spec
    overlay.lay(spec)
    with tempfile.TemporaryDirectory() as folder:
        worker = WorkerProcess(
            python=found.python,
            environ=environ(found),
            log=Path(folder) / "worker.log",
            deadlines=Deadlines(),
        )
        try:
            load = Load(
                factory=spec.factory,
                options_type=spec.options,
                options={"base_url": url, "ids_in": True},
                model=ModelRef(path=str(TINY), name="scripted"),
                needs=Needs(context_tokens=len(PROMPT) + output, streams=streams),
                distributions=spec.distributions,
            )
            worker.ask(load, Ready)
            worker.ask(Measure(requests=_requests(streams, 2), streams=streams), Measured)
            asked = Measure(requests=_requests(requests, output), streams=streams)
            return [claim(record) for record in worker.ask(asked, Measured).records]
        finally:
            worker.end()


def _requests(count: int, output: int) -> tuple[Request, ...]:
    return tuple(
        Request(id=str(place), prompt_ids=PROMPT, max_tokens=output) for place in range(count)
    )


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.ours", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found = environment.find(Registry().backend("openai").spec, None, None)
    if found is None:
        raise SystemExit("no environment of openai: crossbench envs build openai")
    claims = measured(given.url, found, given.streams, given.requests, given.tokens)
    given.out.write_bytes(b"".join(msgspec.json.encode(claim) + b"\n" for claim in claims))


if __name__ == "__main__":
    main()
