"""Train the tiny model and write its safetensors, tokenizer and configs.

python -m tools.tiny_model.train --out suites/models/tiny
"""

import argparse
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from .corpus import Grammar, plain
from .model import Config, forward, initial_weights
from .template import BOS, END, SPECIALS
from .tokenizer import save_tokenizer, train_tokenizer

WINDOW = 512
TOKENIZER_DOCUMENTS = 20_000


def windows(tokenizer: Tokenizer, documents: Iterator[str]) -> Iterator[list[int]]:
    """Windows of ids filled with whole documents; the last one of each window is cut."""
    window: list[int] = []
    for document in documents:
        window += tokenizer.encode(document, add_special_tokens=False).ids
        if len(window) > WINDOW:
            yield window[: WINDOW + 1]
            window = []


def learning_rate(step: int, steps: int, peak: float) -> float:
    """A short linear rise, then a cosine down to a fiftieth of the peak."""
    rise = max(1, steps // 20)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise))))


def optimizer_for(weights: dict[str, Tensor]) -> torch.optim.Optimizer:
    """AdamW with decay on the matrices only."""
    matrices = [w for w in weights.values() if w.dim() > 1]
    vectors = [w for w in weights.values() if w.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8, fused=True)


def train(
    config: Config, batches: Iterator[Tensor], steps: int, peak: float, seed: int, mixed: bool
) -> dict[str, Tensor]:
    """Weights after so many steps, in f32; mixed does the matrix products in bf16."""
    weights = {k: w.requires_grad_() for k, w in initial_weights(config, seed).items()}
    optimizer = optimizer_for(weights)
    started, tokens = time.monotonic(), 0
    for step in range(steps):
        batch = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = forward(weights, config, batch[:, :-1])
        loss = functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        tokens += batch[:, 1:].numel()
        if step % 25 == 0 or step == steps - 1:
            seconds = time.monotonic() - started
            print(f"step {step:5d}  loss {loss.item():.4f}  tokens {tokens}  {seconds:.0f} s")
    return {name: weight.detach() for name, weight in weights.items()}


def save(weights: dict[str, Tensor], config: Config, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the weights, rounded to f16 here and nowhere else, with their configs."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: weight.to(torch.float16).contiguous() for name, weight in weights.items()}
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    bos, end = (SPECIALS.index(token) for token in (BOS, END))
    generation = {"bos_token_id": bos, "eos_token_id": end}
    for name, content in (
        ("config.json", config.as_hf(bos, end)),
        ("generation_config.json", generation),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    save_tokenizer(tokenizer, folder, config.context)


def main() -> None:
    """Draw the corpus, train the tokenizer on it, then the model; save both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("suites/models/tiny"))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=4, help="windows per step")
    parser.add_argument("--peak", type=float, default=2.5e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mixed", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    config = Config()
    sample = itertools.islice(Grammar(args.seed, held_out=False).documents(), TOKENIZER_DOCUMENTS)
    tokenizer = train_tokenizer(map(plain, sample), config.vocab)
    stream = windows(tokenizer, Grammar(args.seed, held_out=False).documents())
    batches = (torch.tensor(list(itertools.islice(stream, args.batch))) for _ in itertools.count())
    weights = train(config, batches, args.steps, args.peak, args.seed, args.mixed)
    save(weights, config, tokenizer, args.out)


if __name__ == "__main__":
    main()
