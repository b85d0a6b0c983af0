"""What the benchmarks' tables are made with: statistics, turns, models, and the talk with loops."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import paired, tables
from benchmarks.contestants import SHORT_PROMPT, LoopProcess, Task, Turn
from benchmarks.engines import model, start
from benchmarks.engines.rivals import facts
from benchmarks.tables import CROSSBENCH, Medians
from benchmarks.turns import Meter, check_same_tokens, take_turns
from crossbench_mlx.options import MlxOptions


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (9, 2.262), (11, 2.201), (19, 2.093), (30, 2.042), (120, 1.980)],
)
def test_students_quantile_agrees_with_the_printed_table(freedom: int, quantile: float) -> None:
    assert paired.student(freedom) == pytest.approx(quantile, abs=0.001)


def test_a_ratio_is_the_geometric_mean_of_its_pairs() -> None:
    interval = paired.ratio([2.0, 8.0, 4.0], [1.0, 2.0, 2.0])
    assert interval.point == pytest.approx(16 ** (1 / 3))
    reach = 4.3027 * math.log(4 / 2) / math.sqrt(3) / math.sqrt(3)
    assert math.log(interval.high / interval.point) == pytest.approx(reach, rel=1e-3)
    assert interval.low < interval.point < interval.high


def test_one_repetition_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="needs at least 2"):
        paired.mean([1.0])


def repetitions(*ratios: float) -> list[dict[str, Medians]]:
    return [{CROSSBENCH: Medians(0.1, 0.01 * each), "loop": Medians(0.1, 0.01)} for each in ratios]


def test_a_tokens_time_is_that_of_the_intervals_between_tokens() -> None:
    turns = [Turn(5, decode, ()) for decode in (32_000, 64_000, 96_000)]
    assert Medians.of(turns, output=33).token_s == pytest.approx(2e-6)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((1.001, 1.002, 1.003), "met"),
        ((1.0, 1.03, 1.0), "MISSED"),
        ((0.97, 0.971, 0.972), "MISSED"),
    ],
)
def test_decode_is_held_to_two_per_cent_by_the_whole_interval(
    ratios: tuple[float, ...], verdict: str
) -> None:
    assert tables.decode_verdict(repetitions(*ratios), "loop").startswith(f"- {verdict}: decode")


def test_a_model_quicker_than_five_milliseconds_a_token_proves_nothing() -> None:
    quick = [{"loop": Medians(0.1, 0.0049)}] * 2
    assert tables.slow_enough(quick, "loop").startswith("- MISSED")


class Noted:
    """Writes down who was asked what."""

    build = "none"
    pid = os.getpid()

    def __init__(self, name: str, book: list[tuple[str, tuple[int, ...], int]]) -> None:
        self._name, self._book = name, book

    def run(self, prompt: Sequence[int], output: int) -> Turn:
        self._book.append((self._name, tuple(prompt), output))
        return Turn(1, output - 1, tuple(prompt[:output]))


def test_turns_go_forward_and_back_on_the_same_prompts() -> None:
    book: list[tuple[str, tuple[int, ...], int]] = []
    task = Task(Path("model"), prompt=20, output=5)
    contestants = {name: Noted(name, book) for name in "abc"}
    turns = take_turns(contestants, task, number=0, passes=2, meter=Meter())
    prefills = [(name, prompt) for name, prompt, output in book if output == 2]
    assert "".join(name for name, _ in prefills) == "abc" + "abccba" + "bcaacb"
    by_turn = [{prompt for _, prompt in prefills[at : at + 3]} for at in range(0, 15, 3)]
    assert all(len(prompts) == 1 for prompts in by_turn)
    assert len(set.union(*by_turn)) == 5
    decodes = [prompt for _, prompt, output in book if output == 5]
    assert decodes == [prompt[:SHORT_PROMPT] for _, prompt in prefills]
    assert {len(each) for each in turns.values()} == {4}


def test_contestants_that_produce_other_tokens_are_not_compared() -> None:
    turns = {"a": [Turn(1, 1, (1, 2))], "b": [Turn(1, 1, (1, 2))], "c": [Turn(1, 1, (1, 3))]}
    check_same_tokens(turns, ["a", "b"])
    with pytest.raises(SystemExit, match="different tokens"):
        check_same_tokens(turns, ["a", "b", "c"])


def test_a_loop_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    process = LoopProcess(command, tmp_path / "log")
    try:
        with pytest.raises(SystemExit, match="no such model"):
            process.run("step", [1], 2)
    finally:
        process.close()


def header(path: Path) -> dict[str, dict[str, list[int]]]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        found: dict[str, dict[str, list[int]]] = json.loads(file.read(length))
    found.pop("__metadata__", None)
    return found


def test_the_random_model_has_the_weights_of_a_real_one() -> None:
    config = json.loads((model.TINY / "config.json").read_text())
    real = header(model.TINY / "model.safetensors")
    shapes = {name: list(shape) for name, shape in model.shapes(config).items()}
    assert shapes == {name: entry["shape"] for name, entry in real.items()}


def test_the_random_models_file_holds_each_weight_once(tmp_path: Path) -> None:
    folder = model.write(tmp_path / "random", layers=1)
    path = folder / "model.safetensors"
    entries = header(path)
    offsets = [entry["data_offsets"] for entry in entries.values()]
    assert all(before[1] == after[0] for before, after in pairwise(offsets))
    for entry in entries.values():
        assert entry["data_offsets"][1] - entry["data_offsets"][0] == 2 * math.prod(entry["shape"])
    size = path.stat().st_size
    assert size == 8 + int.from_bytes(path.read_bytes()[:8], "little") + offsets[-1][1]


def test_only_settings_that_differ_from_the_plugins_own_are_told() -> None:
    assert facts(MlxOptions(dtype="float32", prefill_step_size=2048)) == {"dtype": "float32"}


def test_the_starts_table_has_a_cell_for_each_column() -> None:
    launches = [
        start.Launch(0.1, 1.0, 0.5, 1.6, 0.3, 0.2),
        start.Launch(0.1, 1.2, 0.5, 1.8, 0.3, 0.2),
    ]
    head, rule, row = start.launch_table({"mlx": launches}).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    assert "| mlx (2 launches) | 1.700 [" in row
    assert row.endswith("| 1.50 [1.50, 1.50] |")
