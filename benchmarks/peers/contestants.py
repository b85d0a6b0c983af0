"""The clients: how each is started on a load, and what its own export claims of each request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.peers import answers
from benchmarks.peers.claim import Claim

ROOT = Path(__file__).parents[2]
TINY = ROOT / "suites" / "models" / "tiny"
PROMPT_TOKENS = 32
ENOUGH = 128
"""Requests whose 99th percentile is not merely the largest."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


class Load(Struct, frozen=True, kw_only=True):
    """A closed loop of users, each of whom is answered at a known pace."""

    streams: int
    requests: int = 0
    """After those that warm up; 0 for three of each user, and for ENOUGH."""
    tokens: int = 64
    ttft_s: float = 0.2
    gap_s: float = 0.02

    @property
    def measured(self) -> int:
        """Requests that count."""
        return self.requests or max(ENOUGH, 3 * self.streams)

    @property
    def tokens_per_s(self) -> float:
        """What all users together are sent."""
        return self.streams * self.tokens / (self.ttft_s + (self.tokens - 1) * self.gap_s)


class Contestant(Struct, frozen=True, kw_only=True):
    """One client."""

    name: str
    command: Callable[[str, Load, Path], list[str]]
    """From the server's address, the load and an empty folder."""
    claims: Callable[[Path], list[Claim]]
    """From the folder, afterwards. Raises OSError and msgspec.MsgspecError."""
    folder: Path | None = None
    """Where it runs, if not in the folder."""
    environ: Mapping[str, str] = {}


def crossbench() -> Contestant:
    """Ours, in this interpreter; its worker in the environment of openai."""

    def command(url: str, load: Load, folder: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "benchmarks.peers.ours", url),
            *("--streams", str(load.streams), "--requests", str(load.measured)),
            *("--tokens", str(load.tokens), "--out", str(folder / "claims.jsonl")),
        ]

    def claims(folder: Path) -> list[Claim]:
        lines = (folder / "claims.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Claim) for line in lines]

    return Contestant(name="crossbench", command=command, claims=claims, folder=ROOT)


def aiperf(python: Path) -> Contestant:
    """NVIDIA's AIPerf, in the environment of this interpreter."""

    def command(url: str, load: Load, folder: Path) -> list[str]:
        return [
            *(str(python.with_name("aiperf")), "profile", "--model", answers.MODEL),
            *("--url", url.removesuffix("/v1"), "--endpoint-type", "completions", "--streaming"),
            *("--tokenizer", str(TINY), "--concurrency", str(load.streams)),
            *("--request-count", str(load.measured), "--warmup-request-count", str(load.streams)),
            *("--synthetic-input-tokens-mean", str(PROMPT_TOKENS)),
            *("--synthetic-input-tokens-stddev", "0", "--output-tokens-stddev", "0"),
            *("--output-tokens-mean", str(load.tokens), "--use-legacy-max-tokens"),
            *("--artifact-dir", str(folder / "artifacts"), "--ui", "none"),
            *("--no-gpu-telemetry", "--no-server-metrics"),
        ]

    def claims(folder: Path) -> list[Claim]:
        export = folder / "artifacts" / "profile_export.jsonl"
        return aiperf_claims(export.read_bytes())

    return Contestant(name="AIPerf", command=command, claims=claims)


def aiperf_claims(export: bytes) -> list[Claim]:
    """The requests of the phase that counts, in its profile_export.jsonl."""
    records = [msgspec.json.decode(line) for line in export.splitlines()]
    return [
        Claim(
            number=None,
            header=record["metadata"]["x_request_id"],
            ttft_ns=_milliseconds(record["metrics"]["time_to_first_token"]),
            tpot_ns=_milliseconds(record["metrics"]["inter_token_latency"]),
        )
        for record in records
        if record["metadata"]["benchmark_phase"] == "profiling"
    ]


def _milliseconds(metric: Mapping[str, Any]) -> float:
    assert metric["unit"] == "ms"
    return float(metric["value"]) * 1e6


def guidellm(python: Path) -> Contestant:
    """GuideLLM of the vLLM project, in the environment of this interpreter."""

    def command(url: str, load: Load, folder: Path) -> list[str]:
        backend = f"kind=openai_http,target={url.removesuffix('/v1')},model={answers.MODEL}"
        return [
            *(str(python.with_name("guidellm")), "run", "--disable-console"),
            *("--backend", f"{backend},request_format=/v1/completions"),
            *("--profile", f"kind=concurrent,streams={load.streams}"),
            *("--constraint", f"kind=max_requests,count={load.measured + load.streams}"),
            *("--tokenizer", f"kind=huggingface_auto,model={TINY}"),
            "--data",
            f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={load.tokens}",
            *("--output", f"kind=json,path={folder / 'benchmarks.json'}"),
        ]

    def claims(folder: Path) -> list[Claim]:
        return guidellm_claims((folder / "benchmarks.json").read_bytes())

    return Contestant(name="GuideLLM", command=command, claims=claims, environ=OFFLINE)


def guidellm_claims(export: bytes) -> list[Claim]:
    """The requests of its benchmarks.json but the first of each user, which warm up.

    It has no warm-up of so many requests, so the server's numbers tell which came first.
    """
    (benchmark,) = msgspec.json.decode(export)["benchmarks"]
    streams = int(benchmark["config"]["strategy"]["streams"])
    found = [
        Claim(
            number=answers.number(request["output"]),
            header=None,
            ttft_ns=request["time_to_first_token_ms"] * 1e6,
            tpot_ns=request["inter_token_latency_ms"] * 1e6,
        )
        for request in benchmark["requests"]["successful"]
    ]
    return [claim for claim in found if (claim.number or 0) > streams]
