"""Headers of the models that our own suites pin, for a machine that never reached their hub.

They were not read from the hub: each is put together from its model's published configuration and
the rules of its quantisation (`tools/known_headers.py`), and its weights are as large as others
have published of the file (`tests/fit/test_published.py`). Whoever shows one says so.
"""

from __future__ import annotations

import zlib
from importlib.resources import files

import msgspec

from crossbench.artifacts.reference import Hub
from crossbench.headers.files import Header

NOTE = "by its model's published shape, as its header was not read yet"


def known(wanted: Hub) -> Header | None:
    """The header of a pinned artifact, or None of any other."""
    place = files(__name__) / name(wanted)
    if wanted.revision is None or not place.is_file():
        return None
    found: Header = msgspec.msgpack.decode(zlib.decompress(place.read_bytes()), type=Header)
    return found


def name(wanted: Hub) -> str:
    """The file that holds it."""
    parts = [wanted.owner, wanted.repo, (wanted.revision or "")[:12], wanted.file or ""]
    return "--".join(filter(None, parts)) + ".header"
