"""Prompts of several lengths in the tiny model's own language, and ones that mean nothing."""

from __future__ import annotations

from tokenizers import Tokenizer

from tests.conftest import TINY

TEXTS = (
    "<|bos|><|user|>What is 7 plus 5?<|end|>\n<|assistant|>",
    "<|bos|><|user|>Tell me a story about a cat named Anna.<|end|>\n<|assistant|>",
    "<|bos|><|user|>Hello! What is the capital of France?<|end|>\n<|assistant|>",
    "<|bos|>One day a little dog named Tom went to the garden. He was very happy. " * 4,
)


def natural() -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(TINY / "tokenizer.json"))
    return [list(tokenizer.encode(text, add_special_tokens=False).ids) for text in TEXTS]


def meaningless(length: int, salt: int = 0) -> list[int]:
    return [20 + (salt + 7 * place) % 1500 for place in range(length)]
