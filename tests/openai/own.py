"""A small server for the plugin to start: `python own.py PORT FOLDER [TRICK]`.

It has a child that no SIGTERM ends, and writes into FOLDER who they are and what their environment
is, and on SIGTERM a farewell. Tricks: "late" is not ready at first, "never" is not at all, "dies"
ends before it listens.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT, FOLDER, TRICK = int(sys.argv[1]), Path(sys.argv[2]), [*sys.argv[3:], ""][0]
CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
BEGAN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """Answers as little as a target needs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        late = TRICK == "never" or (TRICK == "late" and time.monotonic() - BEGAN < 0.5)
        if self.path == "/health":
            self._say(503 if late else 200, {})
        elif self.path == "/v1/models" and self._may():
            self._say(200, {"data": [{"id": "own", "owned_by": "tests"}]})
        else:
            self._say(401 if not self._may() else 404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = len(body["prompt"])
        usage = {"prompt_tokens": prompt, "completion_tokens": body["max_tokens"]}
        choices = [{"text": " is", "finish_reason": "length"}]
        if not body.get("stream"):
            self._say(200, {"choices": choices, "usage": usage})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for _ in range(body["max_tokens"] - 1):
            self._event({"choices": [{"text": " is"}]})
        self._event({"choices": choices, "usage": usage})

    def log_message(self, format: str, *args: Any) -> None:
        print("asked:", self.path, flush=True)  # noqa: T201

    def _may(self) -> bool:
        key = os.environ.get("OWN_KEY")
        return key is None or self.headers["Authorization"] == f"Bearer {key}"

    def _event(self, payload: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(payload).encode() + b"\n\n")
        time.sleep(0.002)

    def _say(self, status: int, payload: Any) -> None:
        content = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def farewell(*_: Any) -> None:
    (FOLDER / "farewell").touch()
    sys.exit(0)


def main() -> None:
    if TRICK == "dies":
        sys.stderr.write("no room for the model\n")
        sys.exit(3)
    child = subprocess.Popen([sys.executable, "-c", CHILD])
    signal.signal(signal.SIGTERM, farewell)
    (FOLDER / "environ.json").write_text(json.dumps(dict(os.environ)))
    (FOLDER / "pids.json").write_text(json.dumps([os.getpid(), child.pid]))
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()


main()
