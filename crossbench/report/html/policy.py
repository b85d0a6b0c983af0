"""What the page may do: run its own script and style, named by their hashes, and nothing else."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256


def policy(style: str, script: str | None = None) -> str:
    """A Content-Security-Policy."""
    rules = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script) if script is not None else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {allowed}" for name, allowed in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
