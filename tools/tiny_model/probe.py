"""What else can be measured: right answers to held-out questions, and loss far into a window.

python -m tools.tiny_model.probe suites/models/tiny
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from .corpus import Grammar, tidy
from .evaluate import torch_logits
from .native import Native
from .template import END, SPECIALS, render

REACH = 2048
BOUNDS = (0, 256, 512, 768, 1024, 1536, 2048)


def greedy(native: Native, prompt: list[int], end: int, limit: int = 40) -> list[int]:
    """The likeliest continuation of a prompt, up to the end token."""
    made: list[int] = []
    while len(made) < limit:
        token = int(native.logits(prompt + made)[-1].argmax())
        if token == end:
            break
        made.append(token)
    return made


def right_answers(folder: Path, file: str, seed: int, questions: int, sums: bool) -> float:
    """The share of held-out questions whose greedy answer is exactly the one expected."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = SPECIALS.index(END)
    grammar = Grammar(seed, held_out=True)
    right = 0
    with Native(folder / file) as native:
        for _ in range(questions):
            exchange = grammar.exchange(sums)
            asked = render([("user", tidy(exchange.question))], add_generation_prompt=True)
            prompt = tokenizer.encode(asked, add_special_tokens=False).ids
            answer = tokenizer.decode(greedy(native, prompt, end))
            right += answer == tidy(exchange.full)
    return right / questions


def loss_by_position(folder: Path, seed: int, windows: int) -> list[tuple[int, int, float]]:
    """Nats per token in ranges of positions of windows that are packed full of documents."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids: list[int] = []
    for document in Grammar(seed, held_out=True).documents():
        ids += tokenizer.encode(document, add_special_tokens=False).ids
        if len(ids) > windows * (REACH + 1):
            break
    score = torch_logits(folder)
    found = []
    for start in range(0, windows * (REACH + 1), REACH + 1):
        window = torch.tensor(ids[start : start + REACH + 1])
        logits = torch.from_numpy(score(window[:-1].tolist()))
        loss = torch.nn.functional.cross_entropy(logits, window[1:], reduction="none")
        found.append(loss.numpy())
    mean = np.mean(found, axis=0)
    pairs = zip(BOUNDS, islice(BOUNDS, 1, None), strict=False)
    return [(low, high, float(mean[low:high].mean())) for low, high in pairs]


def main() -> None:
    """Print both measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("suites/models/tiny"))
    parser.add_argument("--file", default="tiny-f16.gguf")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)  # threads that wait for each other lose where cores are shared
    for kind, sums in (("facts", False), ("sums", True)):
        share = right_answers(args.folder, args.file, args.seed, args.questions, sums)
        print(f"{kind}: {share:.1%} of {args.questions} held-out questions answered exactly")
    for low, high, loss in loss_by_position(args.folder, args.seed, args.windows):
        print(f"positions {low} to {high}: {loss:.3f} nats per token")


if __name__ == "__main__":
    main()
