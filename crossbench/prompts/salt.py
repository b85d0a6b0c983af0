"""Salts: the few tokens that make every timed prompt one that no cache has seen.

A salt is inserted into ids, and the result is *not* tokenised again. The ids are the prompt:
engines are given ids, so whether a tokenizer would make the same ones of their text plays no
part, while tokenising again could merge the salt with its neighbours and change the prompt's
length, the one thing that must stay equal between repeats.
"""

from __future__ import annotations

import re

from crossbench.errors import InputError
from crossbench.prompts.digest import words_sha256
from crossbench.prompts.render import RenderedPrompt
from crossbench.prompts.tokenizer import CanonicalTokenizer

WORD = re.compile(" ?[A-Za-z]{2,}")


class Salter:
    """Deals `count` different salts of equally many tokens, the same ones for the same seed.

    One plain word of the vocabulary is a salt; where the vocabulary has fewer words than salts are
    asked for, two words are, or more. The first token changes fastest, so that salts which follow
    one another differ at once.
    """

    def __init__(self, tokenizer: CanonicalTokenizer, seed: int, count: int) -> None:
        """Raises InputError where the vocabulary has too few plain words to choose from."""
        words = _words(tokenizer)
        if not words or (len(words) == 1 and count > 1):
            raise InputError(
                f"tokenizer {tokenizer.path}: found {len(words)} plain words in its vocabulary; "
                "salts need at least two, so it cannot serve for a benchmark"
            )
        self.count = count
        self.tokens = 1
        """Tokens of a salt."""
        while len(words) ** self.tokens < count:
            self.tokens += 1
        self._dials = [_shuffled(words, seed, dial) for dial in range(self.tokens)]

    def salt(self, counter: int) -> tuple[int, ...]:
        """The salt of a counter from 0 to `count` - 1; different for each."""
        if not 0 <= counter < self.count:
            raise ValueError(f"salt {counter} of {self.count}")
        salt = []
        for dial in self._dials:
            counter, place = divmod(counter, len(dial))
            salt.append(dial[place])
        assert len(salt) == self.tokens
        return tuple(salt)

    def salted(self, prompt: RenderedPrompt, counter: int) -> tuple[int, ...]:
        """The prompt's ids with a salt as their first content, `tokens` longer than before."""
        at = prompt.content_at
        return prompt.ids[:at] + self.salt(counter) + prompt.ids[at:]


def _words(tokenizer: CanonicalTokenizer) -> list[int]:
    return [
        token_id for token_id in tokenizer.plain_ids if WORD.fullmatch(tokenizer.decode([token_id]))
    ]


def _shuffled(words: list[int], seed: int, dial: int) -> list[int]:
    return sorted(words, key=lambda word: words_sha256("salt", seed, dial, word))
