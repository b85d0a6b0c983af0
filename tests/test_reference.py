"""The independent forward pass is what every engine is held against, so it is held to its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.conftest import TINY
from tests.reference import Reference, safetensors

IDS = [0, *range(20, 60)]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(TINY)


def test_each_row_is_a_distribution_over_the_vocabulary(reference: Reference) -> None:
    rows = reference.log_probabilities(IDS)
    assert rows.shape == (len(IDS), 2048)
    assert np.exp(rows).sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_what_follows_changes_nothing_before_it(reference: Reference) -> None:
    whole, half = reference.log_probabilities(IDS), reference.log_probabilities(IDS[:20])
    assert np.abs(whole[:20] - half).max() < 1e-9


def test_the_order_of_ids_counts(reference: Reference) -> None:
    swapped = [*IDS[:5], IDS[6], IDS[5], *IDS[7:]]
    change = reference.log_probabilities(IDS)[-1] - reference.log_probabilities(swapped)[-1]
    assert np.abs(change).max() > 1e-3


def test_the_trained_model_knows_its_text(reference: Reference) -> None:
    """Its README tells about 0.4 nats a token on held-out text; by chance it would be 7.6."""
    tokenizer = Tokenizer.from_file(str(TINY / "tokenizer.json"))
    text = "<|bos|><|user|>What is 7 plus 5?<|end|>\n<|assistant|>7 plus 5 is 12.<|end|>"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert -np.mean(reference.given(ids, 4)) < 1.5


def test_the_greedy_output_never_goes_astray_and_another_does(reference: Reference) -> None:
    output = reference.greedy(IDS, 6)
    assert reference.astray(IDS, output, 1e-9) == []
    wrong = [*output[:3], (output[3] + 1) % 2048, *output[4:]]
    assert reference.astray(IDS, wrong, 1e-9)[0].likeliest == output[3]


def test_brain_floats_are_read_as_the_upper_half_of_floats(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 0.0], np.float32)
    data = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + data)
    assert safetensors(file)["w"].tolist() == values.tolist()


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(ValueError, match="is no Llama"):
        Reference(tmp_path)
