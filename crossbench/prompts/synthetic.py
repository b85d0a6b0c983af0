"""Text of any length for prompts whose words do not matter: plain English, seeded, ours."""

from __future__ import annotations

import random
from collections.abc import Iterator

from crossbench.prompts.digest import words_sha256
from crossbench.prompts.tokenizer import CanonicalTokenizer

WORDS = {
    "adjective": "quiet bright heavy narrow gentle empty golden distant simple broken curious warm "
    "patient hollow early careful silver ancient wooden friendly hidden steady pale modest clever",
    "noun": "river garden window teacher market bridge kitchen letter forest doctor village engine "
    "mountain painter station harbor blanket farmer valley picture island library machine candle "
    "basket soldier meadow lantern captain orchard carpenter morning journey notebook shepherd",
    "adverb": "slowly often rarely kindly twice today again quickly almost never soon together",
    "verb": "carries follows remembers builds crosses watches repairs finds answers paints leaves "
    "opens covers measures gathers visits describes protects borrows returns studies welcomes",
    "link": "near beyond behind under beside above without after before toward across inside",
}
SENTENCE = "The adjective noun adverb verb the adjective noun link the noun"


def synthetic_ids(
    tokenizer: CanonicalTokenizer, seed: tuple[object, ...], length: int
) -> tuple[int, ...]:
    """Exactly `length` ids of seeded sentences, without BOS; the last sentence is cut.

    The same tokenizer, seed and length give the same ids in every process and Python version.
    """
    if length <= 0:
        return ()
    sentences = _sentences(seed)
    text = ""
    ids: tuple[int, ...] = ()
    # Beyond the cut by a few ids, so that the cut is inside the text and not at its end.
    while len(ids) < length + 8:
        wanted = len(text) + 5 * (length + 8 - len(ids))
        while len(text) <= wanted:
            text += next(sentences)
        ids = tokenizer.encode_verbatim(text)
    return ids[:length]


def _sentences(seed: tuple[object, ...]) -> Iterator[str]:
    source = random.Random(words_sha256(*seed))  # noqa: S311  (reproducible, not secret)

    choices = {kind: words.split() for kind, words in WORDS.items()}
    while True:
        sentence = ""
        for word in SENTENCE.split():
            choice = choices.get(word, [word])
            # random() is the one method whose sequence Python promises to keep between versions.
            sentence += " " + choice[int(source.random() * len(choice))]
        yield sentence + "."
