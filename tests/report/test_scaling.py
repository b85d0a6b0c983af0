"""Which targets stand in one table of scaling, in which words, and by how many devices: of runs
written by hand, with the options that engines really have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbench.api import Device, Fact, Loaded, Parallelism
from crossbench.machine.model import Machine
from crossbench.places.placement import Place
from crossbench.plan.options import options_type
from crossbench.registry import Registry
from crossbench.report.company_model import Scaling, ScalingRow
from crossbench.report.markdown.page import render
from crossbench.report.model import Report
from crossbench.report.scaling import SHARING
from tests.comparison.scripted import LOADED, MACHINE, Script, report, settled
from tests.comparison.test_unfair_pairs import cards, gpu
from tests.conftest import TINY

SUITE = """
schema = 1
name = "scaling"
[model]
name = "tiny"
tokenizer = "{tiny}"
{targets}
[protocol]
launches = 4
repeats = 1
warmups = 0
burn_in = 0
sentinel = false
[[scenarios]]
name = "chat"
prompt_tokens = 32
output_tokens = 24
concurrency = [2, 4]
"""
TARGET = """
[targets.{name}]
backend = "{backend}"
artifact = "{tiny}/config.json"
{more}
"""
CPUS = tuple(Place(cpus=(number,)) for number in range(4))
BOTH = (Place(cpus=(0, 1)),)
CARDS = tuple(Device(id=f"GPU-{number}", name="RTX 4090", kind="gpu") for number in (1, 2))
LENT = tuple(Device(id=f"127.0.0.1:{port}", name="CPU", kind="other") for port in (1, 2))
SERVERS = 'rpc_servers = ["127.0.0.1:1", "127.0.0.1:2"]'


def split(kind: Parallelism, devices: tuple[Device, ...], **settings: Any) -> Loaded:
    """What an engine tells that cut its model in parts."""
    return replace(settled(**settings), parallelism=Fact(kind, "log"), devices=devices)


def made(
    folder: Path,
    backend: str,
    targets: dict[str, tuple[str, Script]],
    machine: Machine = MACHINE,
) -> Report:
    """The report of a run of these targets, each with its further keys and how it goes."""
    tables = "".join(
        TARGET.format(name=name, backend=backend, tiny=TINY, more=more)
        for name, (more, _) in targets.items()
    )
    path = folder / "suite.toml"
    path.write_text(SUITE.format(tiny=TINY, targets=tables))
    scripts = {name: script for name, (_, script) in targets.items()}
    return report(folder / "run", path, scripts, machine=machine)


def rows(scaling: Scaling, level: str = "2 users") -> dict[str, ScalingRow]:
    return {row.target: row for row in scaling.rows if row.level == level}


def efficiency(row: ScalingRow) -> float | None:
    return row.efficiency.point if row.efficiency else None


LLAMACPP = {
    "one": ("options = { threads = 1 }", Script(places=CPUS[:1])),
    "pair": (
        "replicas = 2\noptions = { threads = 1 }",
        Script(places=CPUS[:2], ttft_s=0.05, tpot_s=0.005),
    ),
    "threads": (
        "options = { threads = 2 }",
        Script(places=BOTH, loaded=settled(threads=2)),
    ),
    "layer": (
        f'options = {{ threads = 1, split_mode = "layer", {SERVERS}, n_ctx = 512 }}',
        Script(places=BOTH, loaded=split(Parallelism.PIPELINE, LENT)),
    ),
    "tensor": (
        f'options = {{ threads = 1, split_mode = "tensor", tensor_split = [1, 1], {SERVERS} }}',
        # Under a tensor split llama.cpp does not tell everything.
        Script(
            places=BOTH,
            loaded=replace(split(Parallelism.TENSOR, LENT), kv_dtype=Fact(None, "log")),
        ),
    ),
    "other work": ('options = { threads = 1, type_k = "q8_0" }', Script(places=CPUS[:1])),
}


def test_one_replica_two_and_both_splits_of_an_engine_stand_in_one_table(tmp_path: Path) -> None:
    targets = {name.replace(" ", "-"): each for name, each in LLAMACPP.items()}
    found = made(tmp_path, "llamacpp", targets)
    (scaling,) = found.scaling
    assert (scaling.baseline, scaling.unit) == ("one", "processor")
    told = {name: (row.arrangement, row.devices) for name, row in rows(scaling).items()}
    assert told == {
        "one": ("1 replica", 1),
        "pair": ("2 replicas", 2),
        "threads": ("1 replica, 2 threads", 2),
        "layer": ("layer split over 2", 2),
        "tensor": ("tensor split over 2", 2),
    }
    efficiencies = {name: efficiency(row) for name, row in rows(scaling).items()}
    assert efficiencies.pop("one") is None
    assert efficiencies == pytest.approx(
        {"pair": 1.0, "threads": 0.5, "layer": 0.5, "tensor": 0.5}, rel=0.02
    )
    page = render(found).partition("## Scaling")[2].partition("\n## ")[0]
    assert page.count(" tensor split over 2 ") == 3, "two levels, and the best"


def test_targets_whose_work_is_known_to_differ_are_held_against_nothing(tmp_path: Path) -> None:
    """Bits per weight within what ranks hold twice are no other work; eight bits a weight are."""
    eight = replace(LOADED, weight_bytes=Fact(1_000, "api"))
    targets = {
        "one": LLAMACPP["one"],
        "pair": LLAMACPP["pair"],
        "eight": (LLAMACPP["threads"][0], Script(places=BOTH, loaded=eight)),
    }
    (scaling,) = made(tmp_path, "llamacpp", targets).scaling
    assert set(rows(scaling)) == {"one", "pair"}


CARD = tuple(Place(cuda=(str(number),)) for number in range(2))
RANKS = settled(ranks=[{"device": each.id} for each in CARDS])
TENSOR = replace(RANKS, parallelism=Fact(Parallelism.TENSOR, "api"))
VLLM = {
    "one": ("needs = { cuda = 1 }", LOADED, CARDS[:1], CARD[:1]),
    "pair": ("needs = { cuda = 1 }\nreplicas = 2", LOADED, CARDS, CARD),
    "tp2": (
        "needs = { cuda = 2 }\noptions = { tensor_parallel_size = 2 }",
        replace(TENSOR, weight_bytes=Fact(2_010, "api")),
        CARDS,
        (Place(cuda=("0", "1")),),
    ),
}


def test_cards_are_counted_and_what_is_told_of_each_keeps_nobody_apart(tmp_path: Path) -> None:
    """Two cards have two power limits and two links, and ranks hold the norms twice."""
    targets = {
        name: (more, Script(loaded=replace(loaded, devices=devices), places=places))
        for name, (more, loaded, devices, places) in VLLM.items()
    }
    machine = cards(gpu(1, 450), gpu(2, 300, lanes=8))
    (scaling,) = made(tmp_path, "vllm", targets, machine).scaling
    assert scaling.unit == "CUDA device"
    told = {name: (row.arrangement, row.devices) for name, row in rows(scaling).items()}
    assert told == {
        "one": ("1 replica", 1),
        "pair": ("2 replicas", 2),
        "tp2": ("tensor split over 2", 2),
    }
    assert efficiency(rows(scaling)["tp2"]) == pytest.approx(0.5, rel=0.02)


def test_ranks_on_one_processor_are_counted_by_rank(tmp_path: Path) -> None:
    """vLLM on a CPU tells one device; each of two replicas is split once more."""
    two = "options = { tensor_parallel_size = 2 }"
    targets = {
        "one": ("", Script(places=CPUS[:1])),
        "tp2": (two, Script(places=BOTH, loaded=TENSOR)),
        "tp2x2": (f"replicas = 2\n{two}", Script(places=BOTH * 2, loaded=TENSOR)),
    }
    (scaling,) = made(tmp_path, "vllm", targets).scaling
    assert [row.arrangement for row in rows(scaling).values()] == [
        "1 replica",
        "tensor split over 2",
        "2 replicas, each tensor split over 2",
    ]


def test_devices_that_another_machine_lends_beside_a_card_are_not_counted(tmp_path: Path) -> None:
    mixed = split(Parallelism.PIPELINE, (LENT[0], CARDS[0]))
    alone = replace(LOADED, devices=CARDS[:1])
    both = replace(LOADED, devices=CARDS)
    targets = {
        "one": ("", Script(loaded=alone)),
        "pair": ("replicas = 2", Script(loaded=both)),
        "lent": ('options = { rpc_servers = ["127.0.0.1:1"] }', Script(loaded=mixed)),
    }
    (scaling,) = made(tmp_path, "llamacpp", targets, cards(gpu(1, 450), gpu(2, 450))).scaling
    found = rows(scaling)
    assert found["pair"].devices == 2
    assert (found["lent"].devices, found["lent"].efficiency) == (None, None)
    assert found["lent"].speedup is not None
    assert found["lent"].withheld == "some of its devices are lent"


def test_every_option_that_shares_devices_is_one_of_an_engine() -> None:
    backends = Registry().backends.values()
    known = {name for each in backends for name in options_type(each).__struct_fields__}
    assert known >= SHARING
