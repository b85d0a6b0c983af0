"""The scoring set: windows that score every token once, with half a window before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.errors import InputError
from crossbench.prompts.scoring import scoring_set
from crossbench.prompts.tokenizer import CanonicalTokenizer
from crossbench.suite.model import Quality
from tests.conftest import TINY

TOKENIZER = CanonicalTokenizer.load(TINY)


def quality(folder: Path, text: str, window: int = 32, windows: int | None = None) -> Quality:
    path = folder / "text.txt"
    path.write_text(text)
    return Quality(text=str(path), sha256="", window=window, windows=windows, reference=None)


TEXT = "Once upon a time there was a fox named Omar. Every day Omar went for a walk.\n" * 12


def test_every_later_token_is_scored_once_and_in_order(tmp_path: Path) -> None:
    made = scoring_set(quality(tmp_path, TEXT), TOKENIZER)
    ids = TOKENIZER.encode_verbatim(TEXT)
    scored = [token for window in made.windows for token in window.ids[window.first :]]
    begin = 32 - 16 - len(TOKENIZER.head_ids)
    assert tuple(scored) == ids[begin : begin + len(scored)]
    assert len(ids) - begin - len(scored) < 16
    assert made.tokens == len(scored)


def test_every_window_begins_with_bos_and_has_half_of_it_as_context(tmp_path: Path) -> None:
    for window in scoring_set(quality(tmp_path, TEXT), TOKENIZER).windows:
        assert window.ids[0] == TOKENIZER.bos_id
        assert (len(window.ids), window.first) == (32, 16)


def test_bytes_are_those_of_the_scored_text(tmp_path: Path) -> None:
    made = scoring_set(quality(tmp_path, TEXT), TOKENIZER)
    for window in made.windows:
        text = TOKENIZER.decode(window.ids[window.first :])
        assert window.bytes == len(text.encode())
    assert made.bytes == sum(window.bytes for window in made.windows)


def test_the_number_of_windows_can_be_bounded(tmp_path: Path) -> None:
    whole = scoring_set(quality(tmp_path, TEXT), TOKENIZER)
    part = scoring_set(quality(tmp_path, TEXT, windows=3), TOKENIZER)
    assert part.windows == whole.windows[:3]
    assert part.sha256 != whole.sha256


def test_a_text_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fewer than one window of 64"):
        scoring_set(quality(tmp_path, "Too short.", window=64), TOKENIZER)


def test_special_tokens_are_scored_but_are_no_text(tmp_path: Path) -> None:
    told = "<|bos|>Good day!<|end|>\n" * 12
    made = scoring_set(quality(tmp_path, told, window=16), TOKENIZER)
    window = made.windows[0]
    ids = window.ids[window.first :]
    assert {0, 5} <= set(ids)
    assert window.bytes == len(TOKENIZER.text_of(ids))
