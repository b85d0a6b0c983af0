"""Names that are also files: what makes one safe, and what makes two of them clash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from msgspec import Struct

from crossbench.suite.positions import KeyPath, Positions
from crossbench.suite.tables.values import NAME_PATTERN, NAME_RULE
from crossbench.suite.validate import Fault
from crossbench.suite.words import quoted

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SCHEME = re.compile(r"(hf|ollama|lmstudio):")
_WEIGHTS = re.compile(r"\.(gguf|safetensors)$", re.IGNORECASE)


class Claim(Struct, frozen=True):
    """A name, and the key it comes from."""

    at: KeyPath
    name: str


def slug(value: object) -> str:
    """A matrix value as the end of a name; empty where nothing of it can be used."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return _UNSAFE.sub("-", str(value))
        case str():
            return _UNSAFE.sub("-", value).strip("._-")
        case list():
            slugs = [slug(entry) for entry in value if not isinstance(entry, list)]
            return "x".join(slugs) if len(slugs) == len(value) and all(slugs) else ""
        case _:
            return ""


def artifact_slug(artifact: str) -> str:
    """The stem of a model's path; dots of a version number stay."""
    stem = PurePosixPath(_SCHEME.sub("", artifact)).name
    return slug(_WEIGHTS.sub("", stem))


def name_faults(claims: Iterable[Claim], positions: Positions) -> Iterator[Fault]:
    """Names that no file may have, and names claimed twice; each table, and each pair, once."""
    owners: dict[str, Claim] = {}
    told: set[tuple[KeyPath, KeyPath]] = set()
    for claim in claims:
        owner = owners.setdefault(claim.name.casefold(), claim)
        fault = _name_fault(claim) if owner is claim else _clash(owner, claim, positions)
        if fault and (owner.at, claim.at) not in told:
            told.add((owner.at, claim.at))
            yield fault


def _name_fault(claim: Claim) -> Fault | None:
    """What is wrong with one name by itself."""
    if not re.fullmatch(NAME_PATTERN, claim.name):
        found = f"found {quoted(claim.name)} after expansion, {len(claim.name)} characters"
        return Fault(claim.at, found, f"expected {NAME_RULE}")
    if _RESERVED.fullmatch(claim.name):
        found = f'found "{claim.name}", which Windows reserves for a device'
        return Fault(claim.at, found, "expected another name, because files are named by it")
    return None


def _clash(owner: Claim, claim: Claim, positions: Positions) -> Fault:
    if owner.at == claim.at:
        return Fault(
            claim.at, f'found "{claim.name}" twice after expansion', "expected values that differ"
        )
    only_case = f', which is "{owner.name}" but for upper and lower case'
    return Fault(
        claim.at,
        f'found the name "{claim.name}" again{only_case if claim.name != owner.name else ""}',
        f"expected a name unlike that in line {positions.line(owner.at)}",
    )
