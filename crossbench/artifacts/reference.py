"""What a suite writes where it names a model: a path, or a place in a tool that keeps models.

=================================== ==============================================================
`hf:OWNER/REPO[@REVISION][/FILE]`   a repository of the Hugging Face hub, or one file of it
`ollama:NAME[:TAG]`                 a model that Ollama has pulled; the tag is `latest` by default
`lmstudio:PUBLISHER/MODEL[/FILE]`   a model that LM Studio has downloaded
anything else                       a path; `~` is the home folder
=================================== ==============================================================
"""

from __future__ import annotations

import re

from msgspec import Struct

from crossbench.errors import InputError

HUB, OLLAMA, LM_STUDIO = "hf:", "ollama:", "lmstudio:"
SCHEMES = (HUB, OLLAMA, LM_STUDIO)

_NAME = r"\w(?:[\w.-]*\w)?"
_HUB = re.compile(
    rf"(?P<owner>{_NAME})/(?P<repo>{_NAME})"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/@]+|[^/@]+))?(?:/(?P<file>.+))?",
    re.ASCII,
)
_OLLAMA = re.compile(
    rf"(?:(?:(?P<host>{_NAME})/)?(?P<space>{_NAME})/)?(?P<name>{_NAME})(?::(?P<tag>{_NAME}))?",
    re.ASCII,
)
_LM_STUDIO = re.compile(r"(?P<publisher>[^/]+)/(?P<model>[^/]+)(?:/(?P<file>.+))?")


class BadReference(InputError):
    """A reference that names nothing: what was found, and what would be right."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"{found}; {allowed}")
        self.found = found
        self.allowed = allowed


class Local(Struct, frozen=True, tag="local"):
    """A file or a directory of this machine."""

    path: str

    def __str__(self) -> str:
        return self.path


class Hub(Struct, frozen=True, tag="hub"):
    """A repository of the Hugging Face hub, or a file of it; no revision is the default branch."""

    owner: str
    repo: str
    revision: str | None = None
    file: str | None = None

    @property
    def id(self) -> str:
        """`owner/repo`."""
        return f"{self.owner}/{self.repo}"

    @property
    def at(self) -> str:
        """The revision to ask for."""
        return self.revision or "main"

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{HUB}{self.id}{revision}" + (f"/{self.file}" if self.file else "")


class Ollama(Struct, frozen=True, tag="ollama"):
    """A model in Ollama's store."""

    host: str
    space: str
    name: str
    tag: str

    def __str__(self) -> str:
        parts = [self.host, self.space, self.name]
        if self.host == "registry.ollama.ai":
            parts = parts[1:] if self.space != "library" else parts[2:]
        return f"{OLLAMA}{'/'.join(parts)}:{self.tag}"


class LmStudio(Struct, frozen=True, tag="lmstudio"):
    """A model in LM Studio's folder, or one file of it."""

    publisher: str
    model: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{LM_STUDIO}{self.publisher}/{self.model}" + (f"/{self.file}" if self.file else "")


Reference = Local | Hub | Ollama | LmStudio


def parse(written: str) -> Reference:
    """A reference as written. Raises BadReference, an InputError."""
    if "\0" in written or not written:
        raise BadReference(f"found {written!r}", f"expected a path or one of {', '.join(SCHEMES)}")
    if written.startswith(HUB):
        return _hub(written)
    if written.startswith(OLLAMA):
        return _ollama(written)
    if written.startswith(LM_STUDIO):
        return _lm_studio(written)
    if written.startswith(("https://", "http://")):
        raise BadReference(
            f"found the address {written!r}",
            "expected hf:OWNER/REPO[@REVISION][/FILE], or the path of what was downloaded",
        )
    return Local(written)


def _hub(written: str) -> Hub:
    match = _HUB.fullmatch(written.removeprefix(HUB))
    if match is None or ".." in match["owner"] + match["repo"]:
        raise BadReference(
            f"found {written!r}",
            "expected hf:OWNER/REPO[@REVISION][/FILE], such as "
            "hf:bartowski/Llama-3.3-70B-Instruct-GGUF/Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        )
    _check_file(written, match["file"])
    return Hub(match["owner"], match["repo"], match["revision"], match["file"])


def _ollama(written: str) -> Ollama:
    match = _OLLAMA.fullmatch(written.removeprefix(OLLAMA))
    if match is None:
        raise BadReference(
            f"found {written!r}", "expected ollama:NAME:TAG, such as ollama:llama3.3:70b"
        )
    return Ollama(
        host=match["host"] or "registry.ollama.ai",
        space=match["space"] or "library",
        name=match["name"],
        tag=match["tag"] or "latest",
    )


def _lm_studio(written: str) -> LmStudio:
    match = _LM_STUDIO.fullmatch(written.removeprefix(LM_STUDIO))
    if match is None or {match["publisher"], match["model"]} & {".", ".."}:
        raise BadReference(
            f"found {written!r}",
            "expected lmstudio:PUBLISHER/MODEL[/FILE], such as "
            "lmstudio:lmstudio-community/Llama-3.3-70B-Instruct-GGUF",
        )
    _check_file(written, match["file"])
    return LmStudio(match["publisher"], match["model"], match["file"])


def _check_file(written: str, file: str | None) -> None:
    if file is not None and not inside(file):
        raise BadReference(f"found {written!r}", "expected a file inside of it, without . and ..")


def inside(name: str) -> bool:
    """Whether a relative name with slashes stays below the folder it is joined to."""
    parts = name.split("/")
    return not {"", ".", ".."} & set(parts) and "\\" not in name and "\0" not in name
