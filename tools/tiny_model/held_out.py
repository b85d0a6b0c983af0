"""Print held-out text for the quality figures of suites: documents without special tokens.

python -m tools.tiny_model.held_out > suites/quality/tiny-held-out.txt
"""

from itertools import islice

from .corpus import Grammar, plain

SEED = 99
DOCUMENTS = 330


def text() -> str:
    """The documents, one after the other on lines of their own."""
    documents = islice(Grammar(SEED, held_out=True).documents(), DOCUMENTS)
    return "".join(f"{plain(document).strip()}\n" for document in documents)


if __name__ == "__main__":
    print(text(), end="")
