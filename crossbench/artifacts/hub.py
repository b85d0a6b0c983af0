"""The one door to the hub: asked for a repository's files, and for their bytes.

Requests go through huggingface_hub's own session, so proxies, certificates and whatever client a
user has installed there are used, and its token, which goes to the hub and to no other host.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import quote

import httpx2
import msgspec
from huggingface_hub import constants, get_session, get_token
from msgspec import Meta, Struct

import crossbench
from crossbench.artifacts.listing import Listing, RemoteFile
from crossbench.artifacts.patience import Transient
from crossbench.artifacts.reference import Hub, inside
from crossbench.artifacts.refusal import LOG_IN, no_hub, refusal
from crossbench.artifacts.settings import HubSettings
from crossbench.errors import ArtifactFailure

ERROR = 400
LISTING_BYTES = 64 << 20
LISTING_ANSWERS = 4
"""How many times as long as one piece of it a whole list may take."""


class _Lfs(Struct):
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Meta(ge=0)]


class _Sibling(Struct):
    rfilename: str
    size: Annotated[int, Meta(ge=0)] | None = None
    blobId: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None  # noqa: N815  (the hub's)
    lfs: _Lfs | None = None


class _Info(Struct):
    sha: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    siblings: list[_Sibling] = []
    gated: bool | str = False


def listing(wanted: Hub, settings: HubSettings, timeout_s: float) -> Listing:
    """Ask what a repository holds. Raises ArtifactFailure, or Transient where to try again."""
    path = f"api/models/{wanted.id}/revision/{quote(wanted.at, safe='')}?blobs=true"
    body = bytearray()
    until = time.monotonic() + LISTING_ANSWERS * timeout_s
    with _answer(wanted, settings, path, {}, timeout_s) as answer:
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > LISTING_BYTES:
                raise ArtifactFailure(f"{wanted}: the hub's list of its files has no end")
            if time.monotonic() > until:
                raise Transient(f"{wanted}: the hub's list of its files came too slowly")
    try:
        info = msgspec.json.decode(bytes(body), type=_Info)
    except msgspec.DecodeError as error:
        raise no_hub(wanted, settings.endpoint, str(error)) from error
    files = [file for item in info.siblings if (file := _file(item))]
    return Listing(info.sha, tuple(files), bool(info.gated))


def check_access(wanted: Hub, settings: HubSettings, timeout_s: float) -> None:
    """Raises ArtifactFailure where a gated repository would not give its files."""
    path = f"api/models/{wanted.id}/auth-check"
    with _answer(wanted, settings, path, {}, timeout_s):
        pass


@contextmanager
def content(
    wanted: Hub, settings: HubSettings, commit: str, name: str, asked: range, timeout_s: float
) -> Iterator[httpx2.Response]:
    """These bytes of a file, as an answer to read; where the hub ignores ranges, all of them.

    Raises ArtifactFailure, or Transient where to try again, also while it is read.
    """
    path = f"{wanted.id}/resolve/{commit}/{quote(name)}"
    headers = {"Range": f"bytes={asked.start}-{asked.stop - 1}", "Accept-Encoding": "identity"}
    with _answer(wanted, settings, path, headers, timeout_s) as answer:
        if answer.status_code == httpx2.codes.PARTIAL_CONTENT:
            _check_start(wanted, name, answer, asked)
        yield answer


def _check_start(wanted: Hub, name: str, answer: httpx2.Response, asked: range) -> None:
    said = answer.headers.get("content-range", "")
    if not said.startswith(f"bytes {asked.start}-"):
        raise ArtifactFailure(
            f"{wanted}: asked for {name} from byte {asked.start}, the hub sent "
            f"{said or 'something else'!r}; try again, and look for a proxy that changes answers"
        )


@contextmanager
def _answer(
    wanted: Hub, settings: HubSettings, path: str, headers: dict[str, str], timeout_s: float
) -> Iterator[httpx2.Response]:
    url = f"{settings.endpoint}/{path}"
    headers = {"User-Agent": f"crossbench/{crossbench.__version__}", **headers}
    if token := _token():
        headers["Authorization"] = f"Bearer {token}"
    try:
        with get_session().stream("GET", url, headers=headers, timeout=timeout_s) as answer:
            if answer.status_code >= ERROR:
                raise refusal(answer.status_code, answer.headers, wanted, settings.endpoint)
            yield answer
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise ArtifactFailure(
            f"{wanted}: {settings.endpoint!r} is no hub's address ({error}); set HF_ENDPOINT to "
            "one, or unset it"
        ) from error
    except httpx2.TransportError as error:
        cause = str(error) or type(error).__name__
        raise Transient(
            f"{wanted}: the hub at {settings.endpoint} cannot be reached, or fell silent ({cause})"
        ) from error
    except httpx2.HTTPError as error:
        raise ArtifactFailure(f"{wanted}: {settings.endpoint}: {error}") from error


def _token() -> str | None:
    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return None
    try:
        token = get_token()
    except Exception as error:  # it may ask services of many kinds
        raise ArtifactFailure(f"the hub's token cannot be had ({error}); {LOG_IN}") from error
    if token and not (token.isascii() and token.isprintable()):
        raise ArtifactFailure(f"the hub's token has characters that no token has; {LOG_IN}")
    return token


def _file(item: _Sibling) -> RemoteFile | None:
    """None for a name that would leave the folder it is put into, or a file without a hash."""
    if not inside(item.rfilename):
        return None
    if item.lfs is not None:
        return RemoteFile(item.rfilename, item.lfs.size, item.lfs.sha256)
    if item.size is None or item.blobId is None:
        return None
    return RemoteFile(item.rfilename, item.size, item.blobId)
