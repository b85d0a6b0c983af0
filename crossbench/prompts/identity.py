"""Whether an artifact carries the tokenizer that the suite's prompts were made with.

Ids mean the same to every engine only where their vocabularies are one. What an artifact says of
its own is held against the canonical tokenizer: the bytes of every id, probe texts, BOS, template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from crossbench.api import Vocabulary
from crossbench.errors import InputError
from crossbench.prompts.probes import CONVERSATION, PROBES
from crossbench.prompts.template import ChatTemplate
from crossbench.prompts.tokenizer import CanonicalTokenizer


class Identity(Struct, frozen=True, kw_only=True):
    """The verdict on one artifact's tokenizer."""

    vocabulary_sha256: str | None
    """Of the bytes of every canonical id as the artifact has them; None where it cannot tell."""
    same_vocabulary: bool | None
    same_probes: bool | None
    """Whether its own tokenizer gave the canonical ids on the probe texts."""
    complaints: tuple[str, ...]
    """What differs without changing the work, a sentence each."""


class ForeignTokenizer(Exception):
    """Ids of the suite's prompts mean other text to this artifact: nothing it does would count."""


def table_sha256(tokens: Iterable[bytes | None]) -> str:
    """Hex SHA-256 over the bytes of each id: its length as four bytes, then the bytes."""
    digest = hashlib.sha256()
    for token in tokens:
        digest.update(b"\xff\xff\xff\xff" if token is None else len(token).to_bytes(4, "little"))
        digest.update(token or b"")
    return digest.hexdigest()


def probe_texts(canonical: CanonicalTokenizer) -> tuple[str, ...]:
    """The texts that an artifact's own tokenizer is asked about, special tokens among them."""
    special = dict.fromkeys(canonical.special_tokens.values())
    return (*PROBES, *(f"a{token}b" for token in special))


def identity(
    canonical: CanonicalTokenizer,
    told: Vocabulary | None,
    probes: Sequence[Sequence[int]] | None,
    used: frozenset[int],
) -> Identity:
    """Hold an artifact's tokenizer against the suite's.

    `probes` are its own ids of `probe_texts`, None where it does not tokenise; `used` are the ids
    that the suite's prompts are made of. Raises ForeignTokenizer where one of these stands for
    other bytes.
    """
    expected = canonical.token_bytes
    agreed = None
    if probes is not None:
        texts = probe_texts(canonical)
        agreed = [tuple(ids) for ids in probes] == [canonical.encode_verbatim(t) for t in texts]
    if told is None:
        return Identity(
            vocabulary_sha256=None, same_vocabulary=None, same_probes=agreed, complaints=()
        )
    theirs = (*told.tokens[: len(expected)], *[None] * (len(expected) - len(told.tokens)))
    differing = [at for at, token in enumerate(expected) if token != theirs[at]]
    if wrong := [token_id for token_id in differing if token_id in used]:
        at = wrong[0]
        raise ForeignTokenizer(
            f"the artifact's tokenizer is not the suite's: id {at} is {theirs[at]!r} there and "
            f"{expected[at]!r} in {canonical.path} ({len(differing)} of {len(expected)} ids differ)"
        )
    return Identity(
        vocabulary_sha256=table_sha256(theirs),
        same_vocabulary=not differing,
        same_probes=agreed,
        complaints=tuple(_complaints(canonical, told, differing, theirs)),
    )


def _complaints(
    canonical: CanonicalTokenizer,
    told: Vocabulary,
    differing: Sequence[int],
    theirs: Sequence[bytes | None],
) -> Iterator[str]:
    if differing:
        at = differing[0]
        yield (
            f"{len(differing)} ids that no prompt uses differ from the suite's tokenizer, "
            f"the first is {at}: {theirs[at]!r}, not {canonical.token_bytes[at]!r}"
        )
    if told.bos_id != canonical.bos_id and None not in (told.bos_id, canonical.bos_id):
        yield f"its BOS is id {told.bos_id}, the suite's is {canonical.bos_id}"
    if told.adds_bos is not None and told.adds_bos != bool(canonical.head_ids):
        own, ours = ("adds", "does not") if told.adds_bos else ("does not add", "does")
        yield f"its own tokenizer {own} BOS, the suite's {ours}; prompts are the suite's"
    if told.chat_template is not None and canonical.template is not None:
        yield from _template(canonical, told.chat_template)


def _template(canonical: CanonicalTokenizer, source: str) -> Iterator[str]:
    """A complaint where the artifact's chat template says something else than the suite's."""
    ours = canonical.template
    if ours is None or source == ours.source:
        return
    try:
        expected = ours.render(CONVERSATION, {}, canonical.special_tokens)
    except InputError:
        return
    try:
        found = ChatTemplate("the artifact", source).render(
            CONVERSATION, {}, canonical.special_tokens
        )
    except InputError as error:
        yield f"its own chat template does not work: {error}"
        return
    if found != expected:
        yield (
            f"its own chat template is another one: {found[:60]!r} where the suite's gives "
            f"{expected[:60]!r}; prompts are the suite's"
        )
