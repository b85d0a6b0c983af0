"""Small tokenizers and suites for odd cases; the ordinary case is the repository's tiny model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from crossbench.prompts.render import Renderer
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Prompt, Protocol, Scenario, Suite
from crossbench.suite.tables.prompts import Message
from crossbench.suite.tables.protocol import Deadlines
from crossbench.suite.tables.scenario import SamplingTable
from crossbench.suite.tables.suite import ModelTable

TINY = Path(__file__).parents[2] / "suites" / "models" / "tiny"
SPECIALS = ["<s>", "</s>", "<|user|>"]
TEXT = [
    "The quick brown fox jumps over the lazy dog and runs along the river.",
    "A careful teacher reads the letter twice before the market opens again.",
    "Seven golden lanterns hang above the narrow bridge near the village.",
    "user assistant system Hello World hello world You are helpful",
]

Kind = Literal["bytes", "metaspace"]


def trained(kind: Kind, vocab_size: int) -> Tokenizer:
    """A byte-pair tokenizer of GPT-2's or of SentencePiece's kind."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    alphabet: list[str] = []
    if kind == "bytes":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIALS,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    return tokenizer


def with_bos(tokenizer: Tokenizer, *, eos: bool = False) -> Tokenizer:
    """Its raw text begins with <s>, and ends with </s> on request, by its post-processor."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if eos else "<s> $A",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )
    return tokenizer


def write_folder(folder: Path, tokenizer: Tokenizer, **config: Any) -> Path:
    """tokenizer.json and tokenizer_config.json of these keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def load(folder: Path, tokenizer: Tokenizer, **config: Any) -> CanonicalTokenizer:
    return CanonicalTokenizer.load(write_folder(folder, tokenizer, **config))


def renderer(tokenizer: CanonicalTokenizer, *, salt_tokens: int = 1, seed: int = 0) -> Renderer:
    return Renderer(tokenizer=tokenizer, arguments={}, seed=seed, salt_tokens=salt_tokens)


def chat(*turns: tuple[Literal["system", "user", "assistant"], str]) -> Prompt:
    return Prompt(messages=tuple(Message(role=role, content=content) for role, content in turns))


def scenario(name: str, *prompts: Prompt, output_tokens: int = 32) -> Scenario:
    return Scenario(
        name=name,
        base=name,
        prompts=prompts,
        output_tokens=output_tokens,
        natural=False,
        sampling=SamplingTable(),
    )


def suite(
    scenarios: Sequence[Scenario],
    *,
    tokenizer: Path = TINY,
    seed: int = 0,
    launches: int = 2,
    repeats: int = 3,
    warmups: int = 2,
) -> Suite:
    return Suite(
        path="suite.toml",
        sha256="0" * 64,
        name="made",
        title="",
        model=ModelTable(name="tiny", tokenizer=str(tokenizer)),
        targets=(),
        scenarios=tuple(scenarios),
        protocol=Protocol(
            profile="default",
            launches=launches,
            repeats=repeats,
            warmups=warmups,
            seed=seed,
            deadlines=Deadlines(),
        ),
    )
