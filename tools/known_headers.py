"""Puts together the headers in `crossbench/artifacts/known`, of the artifacts that our suites pin.

    .venv/bin/python -m tools.known_headers

From the configurations that Meta published of Llama 3.1 8B and Llama 3.3 70B (config.json of
either) and from how each format stores a matrix.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from crossbench.artifacts import known
from crossbench.artifacts.reference import Hub, parse
from crossbench.artifacts.remembered import lean
from crossbench.headers.files import Folder, Header, read_local
from tests.fit.written import LLAMA_70B, Model, folder, gguf, q4_k_m

SUITES = ("suites/70b.toml", "suites/8b.toml")
ROOT = Path(__file__).parents[1]
LLAMA_8B = Model(
    vocabulary=128256, hidden=4096, layers=32, heads=32, kv_heads=8, feed_forward=14336
)
PUBLISHED = {"max_position_embeddings": 131072, "rope_theta": 500000.0, "torch_dtype": "bfloat16"}
"""What both models' config.json say besides their shape."""


def pinned() -> Iterator[Hub]:
    """The artifacts on a hub that our suites name."""
    for suite in SUITES:
        for target in tomllib.loads((ROOT / suite).read_text())["targets"].values():
            wanted = parse(target["artifact"])
            assert isinstance(wanted, Hub)
            yield wanted


def header(wanted: Hub, place: Path) -> Header:
    """What the artifact's header says, written into a folder of its own and read back."""
    model = LLAMA_70B if "70b" in wanted.repo.lower() else LLAMA_8B
    if wanted.file is not None:
        return lean(read_local(gguf(place / "m.gguf", model, partial(q4_k_m, model=model))))
    kind = "awq" if "awq" in wanted.repo.lower() else "mlx"
    made = read_local(folder(place, model, kind))
    assert isinstance(made, Folder)
    config = (
        json.loads(made.config) | PUBLISHED | ({"torch_dtype": "float16"} if kind == "awq" else {})
    )
    return replace(made, config=json.dumps(config).encode())


def main() -> None:
    """Write them all."""
    into = Path(known.__file__).parent
    for old in into.glob("*.header"):
        old.unlink()
    for wanted in pinned():
        with tempfile.TemporaryDirectory() as place:
            packed = msgspec.msgpack.encode(header(wanted, Path(place)))
        (into / known.name(wanted)).write_bytes(zlib.compress(packed, 9))


if __name__ == "__main__":
    main()
