"""The graph of one micro-batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.fit import graph
from crossbench.fit.allocator import buffers
from crossbench.fit.artifact import shape_of
from crossbench.fit.graph import HOST, Placement
from crossbench.headers.files import read_local
from tests.fit.cases import GQA, MIXTRAL, QWEN_MOE
from tests.fit.written import Model, gguf

LAYERS = 16
PLACES = {
    "host": ((HOST,) * LAYERS, HOST),
    "one": ((0,) * LAYERS, 0),
    "two": ((0,) * 9 + (1,) * 7, 1),
    "in part": ((HOST,) * 6 + (0,) * 10, 0),
}


@pytest.mark.parametrize("model", [GQA, MIXTRAL, QWEN_MOE], ids=["gqa", "mixtral", "moe"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("flash", [True, False])
def test_four_of_a_run_of_equal_layers_stand_for_all(
    model: Model, place: str, flash: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = shape_of(read_local(gguf(tmp_path / "m.gguf", model)))
    shape = type(shape)(
        **{name: getattr(shape, name) for name in shape.__struct_fields__}
        | {"layers": shape.layers[:1] * LAYERS}
    )
    layers, output = PLACES[place]
    placed = Placement(
        layers=layers,
        output=output,
        tokens=512,
        cells=(4096,) * LAYERS,
        flash=flash,
        pipeline=place == "two",
    )
    few = graph.decoder(shape, placed)
    monkeypatch.setattr(graph, "_abridged", lambda shape, place: (shape, place))
    all_ = graph.decoder(shape, placed)
    assert len(few) < len(all_) / 1.5
    assert buffers(few, 32) == buffers(all_, 32)
