"""A small Hugging Face hub on loopback: model info, files by ranges, and every way to misbehave.

It speaks what the real one does where crossbench listens: `X-Error-Code`, `X-Repo-Commit`, hashes
in the listing, and large files by a redirect to another host.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE_BYTES = 1 << 20
TOKEN = "hf_right"
_RESOLVE = re.compile(r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
_INFO = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)/revision/(?P<revision>[^/]+)")
_ACCESS = re.compile(r"/api/models/(?P<id>[^/]+/[^/]+)/auth-check")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repository:
    files: dict[str, bytes]
    commit: str = "1" * 40
    gated: bool = False
    private: bool = False
    listed_bytes: dict[str, int] = field(default_factory=dict)
    """Sizes that the listing tells instead of the true ones."""
    served: dict[str, bytes] = field(default_factory=dict)
    """Contents that are sent instead of those that are listed."""

    def listing(self) -> dict[str, object]:
        return {
            "id": "ignored",
            "sha": self.commit,
            "gated": "manual" if self.gated else False,
            "siblings": [self._sibling(name, data) for name, data in self.files.items()],
        }

    def _sibling(self, name: str, data: bytes) -> dict[str, object]:
        size = self.listed_bytes.get(name, len(data))
        sibling: dict[str, object] = {"rfilename": name, "size": size, "blobId": git_oid(data)}
        if len(data) >= LARGE_BYTES:
            sibling["lfs"] = {"sha256": sha256(data), "size": size, "pointerSize": 134}
        return sibling


@dataclass(frozen=True)
class Seen:
    """One request."""

    path: str
    host: str
    token: str | None
    range: str | None


Fault = Callable[["Handler"], bool]
"""Answers a request in the hub's stead and returns True, or leaves it."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.seen: list[Seen] = []
        self.faults: list[tuple[str, int, Fault]] = []
        """Path pattern, how often yet, and what happens."""
        self.half_after: int | None = None
        """Bytes of a content after which the connection is cut."""
        self.ignores_ranges = False
        self.sent = 0
        """Bytes of contents."""
        self.released = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def requests(self, part: str) -> list[Seen]:
        return [seen for seen in self.seen if part in seen.path]

    def fault(self, pattern: str, fault: Fault, times: int = 1_000_000) -> None:
        self.faults.append((pattern, times, fault))

    def status(self, pattern: str, status: int, times: int = 1_000_000, **headers: str) -> None:
        """Answer with a status; `x_error_code` becomes X-Error-Code."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(handler: Handler) -> bool:
            handler.answer(status, b'{"error": "so it is"}', named)
            return True

        self.fault(pattern, answer, times)

    def take_fault(self, path: str) -> Fault | None:
        with self.lock:
            for place, (pattern, times, fault) in enumerate(self.faults):
                if re.search(pattern, path) and times > 0:
                    self.faults[place] = (pattern, times - 1, fault)
                    return fault
        return None

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested here."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        host = self.headers.get("Host", "")
        seen = Seen(self.path, host, bearer, self.headers.get("Range"))
        self.server.seen.append(seen)
        fault = self.server.take_fault(self.path)
        if fault is not None and fault(self):
            return
        path = unquote(urlsplit(self.path).path)
        if match := _ACCESS.fullmatch(path):
            if self._repository(match["id"], bearer, content=True):
                self.answer(200, b"{}")
        elif match := _INFO.fullmatch(path):
            self._info(match["id"], match["revision"], bearer)
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(match["id"], match["name"], bearer)
        elif path.startswith("/cdn/"):
            self._content(self._blob(path.removeprefix("/cdn/")))
        else:
            self.answer(404, b"")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """Hang up."""
        self.close_connection = True

    def _repository(
        self, name: str, bearer: str | None, *, content: bool = False
    ) -> Repository | None:
        found = self.server.repositories.get(name)
        known = bearer == TOKEN
        if bearer is not None and not known:
            said = {"X-Error-Message": "Invalid credentials in Authorization header"}
            self.answer(401, b"", said)
        elif found is None or (found.private and not known):
            self.answer(404 if known else 401, b"", {"X-Error-Code": "RepoNotFound"})
        elif content and found.gated and not known:
            self.answer(401, b"", {"X-Error-Code": "GatedRepo"})
        else:
            return found
        return None

    def _info(self, name: str, revision: str, bearer: str | None) -> None:
        repository = self._repository(name, bearer)
        if repository is None:
            return
        if revision not in ("main", "v1", repository.commit):
            self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        assert parse_qs(urlsplit(self.path).query)["blobs"] == ["true"]
        self.answer(200, json.dumps(repository.listing()).encode())

    def _resolve(self, name: str, file: str, bearer: str | None) -> None:
        repository = self._repository(name, bearer, content=True)
        if repository is None:
            return
        if file not in repository.files:
            self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        data = repository.files[file]
        if len(data) < LARGE_BYTES:
            self._content(repository.served.get(file, data))
            return
        place = f"http://localhost:{self.server.server_port}/cdn/{name}/{file}"
        self.answer(302, b"", {"Location": place, "X-Repo-Commit": repository.commit})

    def _blob(self, path: str) -> bytes:
        owner, repo, file = path.split("/", 2)
        repository = self.server.repositories[f"{owner}/{repo}"]
        return repository.served.get(file, repository.files[file])

    def _content(self, data: bytes) -> None:
        start, stop = 0, len(data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked and not self.server.ignores_ranges:
            start, stop = int(asked[1]), min(int(asked[2]) + 1, len(data))
            if start >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        piece = data[start:stop]
        if self.server.half_after is not None:
            piece = piece[: self.server.half_after]
        self.wfile.write(piece)
        self.server.sent += len(piece)
        if len(piece) < stop - start:
            self.cut()


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
