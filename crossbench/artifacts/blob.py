"""One file of the hub, fetched into the cache: resumed where it stopped, checked by its hash.

huggingface_hub's own download throws away what came of a file that did not come whole; a model's
file of 40 GB is worth keeping. The beginning lies beside the blob as `ETAG.incomplete`.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import httpx2
from filelock import FileLock, Timeout

from crossbench.artifacts import hub
from crossbench.artifacts.cache import partial
from crossbench.artifacts.disk import free, too_full
from crossbench.artifacts.listing import RemoteFile
from crossbench.artifacts.meter import Meter
from crossbench.artifacts.patience import Patience, Progressed, Transient
from crossbench.artifacts.reference import Hub
from crossbench.artifacts.settings import HubSettings
from crossbench.artifacts.sizes import sized
from crossbench.errors import ArtifactFailure

RANGE_BYTES = 16 << 30
"""Asked for at once: content networks refuse single answers of more than some 50 GB."""
PIECE_BYTES = 1 << 20
WORTH_BYTES = 1 << 20
"""What an attempt must have brought to count as progress, and at least within `stall_s`."""
LOCK_S = 5.0


class Hash(Protocol):
    """What hashlib gives."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """Of all of them."""
        ...


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What is fetched, from where, on which terms, and who is told."""

    wanted: Hub
    settings: HubSettings
    commit: str
    patience: Patience
    until: float
    """A reading of `time.monotonic` after which nothing is tried any more."""
    tell: Callable[[str], None]
    meter: Meter


def fetch_blob(errand: Errand, file: RemoteFile, blob: Path, lock: Path) -> None:
    """Have the file's content at `blob`. Raises ArtifactFailure, OSError."""
    blob.parent.mkdir(parents=True, exist_ok=True)
    with _alone(errand, lock):
        if blob.exists():
            errand.meter.skip(file.bytes)
            return
        _fetch(errand, file, blob)


def _fetch(errand: Errand, file: RemoteFile, blob: Path) -> None:
    part = partial(blob)
    with Sink(part, file, errand.meter) as sink:
        resumed = sink.size
        _fill(errand, file, sink)
        if resumed and sink.digest != file.etag:
            errand.tell(f"{file.name}: the part that was here already was damaged; fetching all")
            sink.restart()
            _fill(errand, file, sink)
        found = sink.digest
    if found != file.etag:
        part.unlink()
        raise ArtifactFailure(
            f"{errand.wanted}: what came of {file.name} is not what the hub lists: its hash is "
            f"{found} and should be {file.etag}; it was thrown away. Try again, and if it stays "
            "so, look for a proxy that changes answers"
        )
    part.replace(blob)


def _fill(errand: Errand, file: RemoteFile, sink: Sink) -> None:
    def attempt() -> None:
        before = sink.size
        try:
            while sink.size < file.bytes:
                _receive(errand, file, sink)
        except Transient as error:
            if sink.size - before >= WORTH_BYTES:
                raise Progressed(str(error), error.wait_s) from error
            raise

    errand.patience.insist(attempt, errand.tell, until=errand.until)


def _receive(errand: Errand, file: RemoteFile, sink: Sink) -> None:
    """One request's worth of the file. Raises Transient, ArtifactFailure."""
    asked = range(sink.size, min(file.bytes, sink.size + RANGE_BYTES))
    with hub.content(
        errand.wanted,
        errand.settings,
        errand.commit,
        file.name,
        asked,
        errand.patience.answer_s,
    ) as answer:
        if answer.status_code == httpx2.codes.OK and asked.start:
            sink.restart()
        _check_length(errand, file, answer)
        _take(errand, file, sink, answer)
    if sink.size < asked.stop:
        raise Transient(f"{errand.wanted}: the hub ended {file.name} early")


def _take(errand: Errand, file: RemoteFile, sink: Sink, answer: httpx2.Response) -> None:
    """Write down what comes, as long as enough of it does. Raises Transient, ArtifactFailure."""
    since, had = time.monotonic(), sink.size
    for piece in answer.iter_bytes():
        sink.write(piece)
        now = time.monotonic()
        if sink.size > file.bytes:
            sink.restart()
            raise _wrong_length(errand, file, "more")
        if now > errand.until:
            raise ArtifactFailure(
                f"{errand.wanted}: {file.name} was not here in time; what came is kept, and "
                "another run goes on from there"
            )
        if sink.size - had >= WORTH_BYTES:
            since, had = now, sink.size
        elif now - since > errand.patience.stall_s:
            raise Transient(
                f"{errand.wanted}: {file.name} came too slowly, {sized(sink.size - had)} in "
                f"{now - since:.0f} s"
            )


def _check_length(errand: Errand, file: RemoteFile, answer: httpx2.Response) -> None:
    """The hub's own word for the length of the whole file, where it gives one."""
    if answer.status_code == httpx2.codes.PARTIAL_CONTENT:
        whole = answer.headers.get("content-range", "").rpartition("/")[2]
    else:
        coded = answer.headers.get("content-encoding", "identity") != "identity"
        whole = "" if coded else answer.headers.get("content-length", "")
    if whole.isdigit() and int(whole) != file.bytes:
        raise _wrong_length(errand, file, whole)


def _wrong_length(errand: Errand, file: RemoteFile, sent: str) -> ArtifactFailure:
    return ArtifactFailure(
        f"{errand.wanted}: the hub lists {file.name} with {file.bytes} bytes and sends {sent}; "
        "the repository may have been changed just now, so try again"
    )


class Sink:
    """A file that is being completed, and the hash of what it holds."""

    def __init__(self, path: Path, file: RemoteFile, meter: Meter) -> None:
        """Go on after what is there. Raises OSError."""
        self._file = file
        self._meter = meter
        self._stream = path.open("a+b")
        self.size = 0
        self._hash = self._new_hash()
        self._stream.seek(0)
        while piece := self._stream.read(PIECE_BYTES):
            self._count(piece)
            meter.skip(len(piece))

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # the disk may be full; that was raised where it mattered
            self._stream.close()

    def write(self, piece: bytes) -> None:
        """Append. Raises OSError."""
        self._stream.write(piece)
        self._count(piece)
        self._meter.add(len(piece), self._file.name)

    def restart(self) -> None:
        """Forget everything that came."""
        self._stream.seek(0)
        self._stream.truncate()
        self._meter.skip(-self.size)
        self.size = 0
        self._hash = self._new_hash()

    @property
    def digest(self) -> str:
        """Hex, of the kind that the hub gave."""
        return self._hash.hexdigest()

    def _count(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size += len(piece)

    def _new_hash(self) -> Hash:
        if self._file.large:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self._file.bytes, usedforsecurity=False)


class _alone:  # noqa: N801  (used as a statement)
    """One process at a time fetches a blob; huggingface_hub locks by the same files."""

    def __init__(self, errand: Errand, lock: Path) -> None:
        self._errand = errand
        lock.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(lock)

    def __enter__(self) -> None:
        while True:
            try:
                self._lock.acquire(timeout=LOCK_S)
            except Timeout:
                if time.monotonic() > self._errand.until:
                    raise ArtifactFailure(
                        f"{self._errand.wanted}: another process has been fetching it all the "
                        f"time; wait for it, or end it ({self._lock.lock_file})"
                    ) from None
                self._errand.tell("another process is fetching this file; waiting for it")
            except NotImplementedError:  # no locks on this file system: the hash still protects
                return
            else:
                return

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def explained(error: OSError, errand: Errand, missing: int) -> ArtifactFailure:
    """An error of the disk while fetching."""
    cache = errand.settings.cache
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ArtifactFailure(too_full(str(errand.wanted), missing, free(cache), cache))
    place = error.filename or cache
    return ArtifactFailure(
        f"{errand.wanted}: {place} cannot be written ({error.strerror}); make {cache} writable, or "
        "name another place by HF_HOME"
    )
