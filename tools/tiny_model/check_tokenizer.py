"""Check that tokenizer.json and the GGUF tokenise alike, and that every entry agrees.

python -m tools.tiny_model.check_tokenizer suites/models/tiny
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import jinja2
from tokenizers import Tokenizer

from .corpus import Grammar
from .native import Native
from .template import BOS, CHAT_TEMPLATE, render

PROBES = (
    "Hello, world!",
    " leading",
    "trailing ",
    "  two  spaces  ",
    "\n",
    "\n\n\n",
    "\t\tx\r\n  y",
    "a   \n   b",
    "0 1 12 123 1234567890",
    "3.14159 and 1,000,000",
    "7 plus 5 is 12.",
    "it's we'll they've I'd 'tis IT'S",
    "def f(x: int) -> str:\n    return f'{x!r}'\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i]; }",
    "<html>&amp;</html>",
    "{}[]()<>|\\/~`^",
    "Crème brûlée, naïve façade, Ångström, ß",
    "e\u0301 combining",
    "Привет, мир!",
    "Καλημέρα",
    "你好、世界。",
    "日本語のテキスト",
    "한국어 문장",
    "שלום עולם",
    "مرحبا بالعالم",
    "हिन्दी में",
    "👋🏽 🌍 👩‍👩‍👧‍👦 🇫🇷",
    "½ ² ① Ⅷ ٣",
    "\u00a0\u2003\u200b\ufeff",
    "\x00\x01\x7f",
    "<|bos|>",
    "<|user|>Hi<|end|>\n<|assistant|>",
    "<|end|><|eos|>",
    "x<|end|> y",
    "<|nope|>",
    " <|end|>",
    "<|end|>\n\n",
    "<| end|>",
    "\U0001d518\U0001d52b",
    "zzzzzzzzzzzzzzzzzzzzzzzz",
    "",
)


def texts(seed: int, documents: int) -> Iterator[str]:
    """The probes, every single character up to U+2FFF, and documents of both sides."""
    yield from PROBES
    yield from (f"a{chr(code)}1 {chr(code)}" for code in range(1, 0x3000))
    for side in (False, True):
        yield from islice(Grammar(seed, held_out=side).documents(), documents)


def entries_that_differ(tokenizer: Tokenizer, native: Native) -> list[str]:
    """Vocabulary entries whose bytes are not the same on both sides."""
    codes = {ord(char): byte for byte, char in byte_alphabet().items()}
    wrong = []
    for token in range(tokenizer.get_vocab_size()):
        entry = tokenizer.id_to_token(token) or ""
        special = token in tokenizer.get_added_tokens_decoder()
        wanted = entry.encode() if special else bytes(codes[ord(char)] for char in entry)
        if native.piece(token) != wanted:
            wrong.append(f"entry {token}: {wanted!r} and {native.piece(token)!r}")
    if native.vocab_size != tokenizer.get_vocab_size():
        wrong.append(f"{tokenizer.get_vocab_size()} entries and {native.vocab_size}")
    return wrong


def byte_alphabet() -> dict[int, str]:
    """The printable stand-in of every byte in a byte-level vocabulary."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    stand_ins = [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]
    return dict(zip(shown + hidden, stand_ins, strict=True))


def disagreements(folder: Path, seed: int, documents: int) -> tuple[int, list[str]]:
    """How many texts were compared, and everything that is not as it should be."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    wrong, compared = [], 0
    with Native(folder / "tiny-f16.gguf") as native:
        for text in texts(seed, documents):
            ours = tokenizer.encode(text, add_special_tokens=False).ids
            theirs = native.tokenize(text)
            compared += 1
            if ours != theirs:
                wrong.append(f"{text!r}: {ours} and {theirs}")
            if tokenizer.decode(ours, skip_special_tokens=False) != text:
                wrong.append(f"{text!r}: does not come back")
        wrong += entries_that_differ(tokenizer, native)
    messages = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Go")]
    template = jinja2.Template(CHAT_TEMPLATE)
    turns = [{"role": role, "content": content} for role, content in messages]
    shown = template.render(messages=turns, bos_token=BOS, add_generation_prompt=True)
    if shown != render(messages, add_generation_prompt=True):
        wrong.append("the chat template is not what the corpus was rendered with")
    if tokenizer.encode("Hi").ids[0] != tokenizer.token_to_id(BOS):
        wrong.append("no <|bos|> is added")
    return compared, wrong


def main() -> None:
    """Print the disagreements and fail if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("suites/models/tiny"))
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    compared, wrong = disagreements(args.folder, args.seed, args.documents)
    print(*wrong[:20], f"{compared} texts compared, {len(wrong)} disagreements", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
