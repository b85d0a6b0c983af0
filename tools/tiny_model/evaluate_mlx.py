"""Measure the loss of the MLX artifact on held-out text, paired with the f16 GGUF's.

python -m tools.tiny_model.evaluate_mlx suites/models/tiny suites/models/tiny-mlx-4bit

As `evaluate` does it, but on fewer documents: MLX's quantised products take 3 ms a token on a CPU.
"""

import argparse
import math
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_lm.utils import get_total_parameters, load_model
from numpy.typing import NDArray

from .evaluate import Logits, Row, held_out, losses, native_losses, paired


def mlx_logits(folder: Path) -> Logits:
    """The forward pass by mlx-lm, in f32: on a CPU its f16 takes 30 times as long."""
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)

    def score(ids: list[int]) -> NDArray[np.float32]:
        return np.array(model(mx.array([ids]))[0])

    return score


def main() -> None:
    """Print the row as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("suites/models/tiny"))
    parser.add_argument("target", type=Path, nargs="?", default=Path("suites/models/tiny-mlx-4bit"))
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    text = held_out(args.folder, args.seed, args.documents)
    before = native_losses(args.folder / "tiny-f16.gguf", text)
    loss = losses(mlx_logits(args.target), text)
    path = args.target / "model.safetensors"
    size = path.stat().st_size
    difference, error = paired(before, loss, text.tokens)
    row = Row(
        file=f"{args.target.name}/{path.name}",
        bytes=size,
        bits_per_weight=8 * size / get_total_parameters(load_model(args.target)[0]),
        nats_per_token=float(loss.sum() / text.tokens.sum()),
        bits_per_byte=float(loss.sum() / math.log(2) / text.text_bytes),
        difference=difference,
        standard_error=error,
    )
    print(f"{args.documents} documents, {int(text.tokens.sum())} tokens, {text.text_bytes} bytes")
    print(f"f16 GGUF on the same: {before.sum() / text.tokens.sum():.5f} nats per token\n")
    print(row.as_markdown())


if __name__ == "__main__":
    main()
