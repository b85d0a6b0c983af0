"""Bytes by range: of files, and of servers on loopback that behave and misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crossbench.fit import gguf
from crossbench.fit.source import HeaderError, HttpFile, LocalFile
from tests.conftest import TINY

GGUF = TINY / "tiny-f16.gguf"


class Handler(BaseHTTPRequestHandler):
    """Serves one file in the way its server is told to."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range", ""))
        self.server.keys.append(self.headers.get("Authorization"))
        if self.server.elsewhere is not None:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
            return
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        if self.server.hangs is not None:
            self.server.hangs.wait(10)
            return
        data = GGUF.read_bytes()
        begin, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
        if int(begin) >= len(data):
            self.send_error(416)
            return
        piece = data[int(begin) : int(end) + 1] if self.server.ranges else data
        self.send_response(206 if self.server.ranges else 200)
        self.send_header("Content-Length", str(len(piece)))
        if self.server.ranges:
            first = int(begin) + self.server.shifted
            last = first + len(piece) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        with suppress(OSError):  # who has enough hangs up
            for at in range(0, len(piece), self.server.block):
                self.wfile.write(piece[at : at + self.server.block])
                time.sleep(self.server.pause_s)

    def log_message(self, format: str, *args: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    ranges = True
    shifted = 0
    status: int | None = None
    hangs: threading.Event | None = None
    elsewhere: str | None = None
    block = 1 << 20
    pause_s = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.gguf"


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        if server.hangs is not None:
            server.hangs.set()
        server.shutdown()
        thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def test_a_header_is_read_through_ranges_and_no_more_than_that(server: Server) -> None:
    remote = HttpFile(server.url)
    assert gguf.read([remote]) == gguf.read([LocalFile(GGUF)])
    assert server.asked == ["bytes=0-65535"]
    assert remote.size() == GGUF.stat().st_size


def test_a_server_without_ranges_will_do_for_the_beginning(server: Server) -> None:
    server.ranges = False
    remote = HttpFile(server.url)
    assert remote.read(0, 4) == b"GGUF"
    with pytest.raises(HeaderError, match="no ranges"):
        remote.read(4, 4)


def test_another_range_than_asked_is_refused(server: Server) -> None:
    server.shifted = 7
    with pytest.raises(HeaderError, match="asked from byte 0, told 'bytes 7-"):
        HttpFile(server.url).read(0, 100)


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refusal_names_its_status(status: int, server: Server) -> None:
    server.status = status
    with pytest.raises(HeaderError, match=f"HTTP {status}"):
        HttpFile(server.url).read(0, 4)


def test_beyond_the_end_there_is_nothing(server: Server) -> None:
    assert HttpFile(server.url).read(10**9, 4) == b""
    assert LocalFile(GGUF).read(10**9, 4) == b""


def test_a_server_that_never_answers_is_given_up(server: Server) -> None:
    server.hangs = threading.Event()
    with pytest.raises(HeaderError, match="timed out"):
        HttpFile(server.url, patience_s=0.2).read(0, 4)


def test_nobody_there_is_said() -> None:
    with pytest.raises(HeaderError, match="refused"):
        HttpFile("http://127.0.0.1:9/m").read(0, 4)


def test_only_http_is_asked() -> None:
    with pytest.raises(HeaderError, match="only http"):
        HttpFile("file:///etc/passwd")


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    absent = LocalFile(tmp_path / "absent")
    with pytest.raises(HeaderError, match="absent: No such file"):
        absent.read(0, 1)
    with pytest.raises(HeaderError, match="No such file"):
        absent.size()


def test_a_key_goes_to_the_host_it_is_for_and_no_further(server: Server) -> None:
    with running() as other:
        server.elsewhere = other.url
        remote = HttpFile(server.url, {"Authorization": "Bearer secret"})
        assert remote.read(0, 4) == b"GGUF"
        assert (server.keys, other.keys) == (["Bearer secret"], [None])
        assert other.asked == ["bytes=0-3"]


def test_within_its_host_a_key_is_kept(server: Server) -> None:
    assert HttpFile(server.url, {"Authorization": "Bearer secret"}).read(0, 4) == b"GGUF"
    assert server.keys == ["Bearer secret"]


def test_a_server_that_drips_is_given_up(server: Server) -> None:
    server.block, server.pause_s = 100, 0.02
    with pytest.raises(HeaderError, match="too slow"):
        HttpFile(server.url, patience_s=0.1).read(0, 100_000)


def test_an_answer_cut_short_is_a_header_cut_short(server: Server) -> None:
    remote = HttpFile(server.url)
    assert len(remote.read(GGUF.stat().st_size - 10, 100)) == 10
