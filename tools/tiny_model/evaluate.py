"""Measure the loss of every file on held-out text, and how surely the losses differ.

python -m tools.tiny_model.evaluate suites/models/tiny

Each document is scored by itself, from <|bos|> and an empty cache, over all tokens after the
first. The differences are paired by document, and so are their standard errors.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer

from .corpus import Grammar, plain
from .model import Config, forward
from .native import Native

Floats = NDArray[np.float64]
Logits = Callable[[list[int]], NDArray[np.float32]]
GGUFS = ("tiny-f16.gguf", "tiny-q8_0.gguf", "tiny-q4_k_m.gguf")


@dataclass(frozen=True)
class Row:
    """What was measured of one file; metadata counts in its bits per weight."""

    file: str
    bytes: int
    bits_per_weight: float
    nats_per_token: float
    bits_per_byte: float
    difference: float
    standard_error: float

    def as_markdown(self) -> str:
        """The row as one of a Markdown table."""
        return (
            f"| {self.file} | {self.bytes} | {self.bits_per_weight:.2f} "
            f"| {self.nats_per_token:.5f} | {self.bits_per_byte:.5f} "
            f"| {self.difference:+.6f} ± {self.standard_error:.6f} |"
        )


@dataclass(frozen=True)
class HeldOut:
    """Held-out documents as ids, with their sizes."""

    documents: list[list[int]]
    tokens: Floats
    text_bytes: int


def held_out(folder: Path, seed: int, documents: int) -> HeldOut:
    """The first documents of the held-out side of the corpus."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = list(islice(Grammar(seed, held_out=True).documents(), documents))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    tokens = np.array([len(document) - 1 for document in ids], dtype=np.float64)
    return HeldOut(ids, tokens, sum(len(plain(text).encode()) for text in texts))


def nats(logits: NDArray[np.float32], targets: list[int]) -> float:
    """The summed negative log-likelihood of the targets."""
    wide = logits.astype(np.float64)
    top = wide.max(axis=1)
    log_total = top + np.log(np.exp(wide - top[:, None]).sum(axis=1))
    return float((log_total - wide[np.arange(len(targets)), targets]).sum())


def losses(score: Logits, text: HeldOut) -> Floats:
    """The nats of every document."""
    return np.array([nats(score(d[:-1]), d[1:]) for d in text.documents])


def torch_logits(folder: Path) -> Logits:
    """Our own forward pass over the safetensors, in f32."""
    loaded = load_file(folder / "model.safetensors")
    weights = {name: weight.float() for name, weight in loaded.items()}
    config = Config()

    def score(ids: list[int]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = forward(weights, config, torch.tensor([ids]))[0].numpy()
        return logits

    return score


def native_losses(path: Path, text: HeldOut) -> Floats:
    """The nats of every document by llama.cpp."""
    with Native(path) as native:
        return losses(native.logits, text)


def paired(one: Floats, other: Floats, tokens: Floats) -> tuple[float, float]:
    """The mean difference per token and its standard error, the document being the unit."""
    difference = other - one
    mean = float(difference.sum() / tokens.sum())
    spread = ((difference - mean * tokens) ** 2).sum() * len(tokens) / (len(tokens) - 1)
    return mean, math.sqrt(float(spread)) / float(tokens.sum())


def table(folder: Path, text: HeldOut) -> list[Row]:
    """One row per file; differences are against the f16 GGUF."""
    weights = sum(w.numel() for w in load_file(folder / "model.safetensors").values())
    found = {"model.safetensors": losses(torch_logits(folder), text)}
    found |= {name: native_losses(folder / name, text) for name in GGUFS}
    rows = []
    for name, loss in found.items():
        size = (folder / name).stat().st_size
        difference, error = paired(found["tiny-f16.gguf"], loss, text.tokens)
        rows.append(
            Row(
                file=name,
                bytes=size,
                bits_per_weight=8 * size / weights,
                nats_per_token=float(loss.sum() / text.tokens.sum()),
                bits_per_byte=float(loss.sum() / math.log(2) / text.text_bytes),
                difference=difference,
                standard_error=error,
            )
        )
    return rows


def main() -> None:
    """Print the table as Markdown, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("suites/models/tiny"))
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)  # threads that wait for each other lose where cores are shared
    text = held_out(args.folder, args.seed, args.documents)
    rows = table(args.folder, text)
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print(f"{args.documents} documents, {int(text.tokens.sum())} tokens, {text.text_bytes} bytes\n")
    print("| file | bytes | bits per weight | nats per token | bits per byte | against f16 GGUF |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        print(row.as_markdown())


if __name__ == "__main__":
    main()
