"""Show what the model writes: greedy and sampled continuations, and answers in chat.

python -m tools.tiny_model.sample suites/models/tiny/tiny-f16.gguf
"""

import argparse
from pathlib import Path
from typing import Any

import llama_cpp

from .native import silence

STARTS = (
    "Once upon a time there was a brave fox named",
    "One morning, Anna walked alone",
    "The capital of France is",
    "12 plus 7 is",
    "Count from 5 to 12:",
    "The big red",
)
CHATS: tuple[tuple[str, ...], ...] = (
    ("", "What is the capital of Japan?"),
    ("Answer in one word.", "What colour is snow?"),
    ("You are a friendly teacher.", "What day comes after Friday?"),
    ("", "What is 9 plus 8?"),
    ("", "Tell me a story about an owl named Lucy."),
)


def continuation(model: llama_cpp.Llama, start: str, temperature: float, seed: int) -> str:
    """The text that follows a start, until the model ends it."""
    made: Any = model.create_completion(start, max_tokens=120, temperature=temperature, seed=seed)
    return str(made["choices"][0]["text"])


def answer(model: llama_cpp.Llama, system: str, question: str) -> str:
    """The greedy answer to a question."""
    messages: list[Any] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    made: Any = model.create_chat_completion(messages, max_tokens=160, temperature=0.0)
    return str(made["choices"][0]["message"]["content"])


def main() -> None:
    """Print the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, nargs="?", default=Path("suites/models/tiny/tiny-f16.gguf")
    )
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    silence()
    model = llama_cpp.Llama(str(args.file), n_ctx=512, n_threads=1, verbose=False)
    for temperature in (0.0, args.temperature):
        print(f"Continued at temperature {temperature}:\n")
        for start in STARTS:
            print(f"- **{start}**{continuation(model, start, temperature, args.seed)}")
        print()
    print("Asked, greedy:\n")
    for system, question in CHATS:
        asked = f"[{system}] {question}" if system else question
        print(f"- **{asked}** {answer(model, system, question)}")


if __name__ == "__main__":
    main()
