"""Print held-out text for the quality figures of suites: documents as they were trained on.

python -m tools.tiny_model.held_out > suites/quality/tiny-held-out.txt
"""

from itertools import islice

from .corpus import Grammar

SEED = 99
DOCUMENTS = 330


def text() -> str:
    """The documents one after the other, their special tokens spelled out."""
    return "".join(islice(Grammar(SEED, held_out=True).documents(), DOCUMENTS))


if __name__ == "__main__":
    print(text(), end="")
