"""Runs full of what is private: in every free text of every file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.comparison.scripted import Script, write
from tests.conftest import TINY

HOST, USER, HOME = "quuxbox-9", "jo.doe77", "/home/jo.doe77"
UUID = "GPU-0a1b2c3d-0000-1111-2222-333344445555"
HIDDEN_UUID = "GPU-ffff2c3d-0000-1111-2222-333344445555"
PROMPT = "Tell me whether the lump that I found is dangerous."
PROGRAM = "secret-game"
SERVER = "annas-box"
KEY, SERIAL = "hf_abcdefghijklmnopqrst", "C02XG0FDH7JY"
SECRETS = (HOST, USER, HOME, UUID, HIDDEN_UUID, KEY, SERIAL, PROGRAM, SERVER)
SENTENCE = (
    f"{USER}@{HOST} failed on {UUID} and {HIDDEN_UUID}: {HOME}/models/x.gguf, key "
    f"hf_abcdefghijklmnopqrst, serial: C02XG0FDH7JY, {SERVER} does not answer"
)
SUITE = f"""schema = 1
name = "private"
title = "What {USER} asked"
[model]
name = "tiny"
tokenizer = "{TINY}"
[targets.one]
backend = "null"
artifact = "{TINY / "config.json"}"
[targets.two]
backend = "null"
artifact = "{TINY / "config.json"}"
[protocol]
launches = 3
repeats = 2
warmups = 0
burn_in = 0
sentinel = false
[[scenarios]]
name = "chat"
output_tokens = 24
prompts = [{{ messages = [{{ role = "user", content = "{PROMPT}" }}] }}]
[[scenarios]]
name = "long"
prompt_tokens = 300
output_tokens = 24
"""
TARGETS = {"one": Script(), "two": Script(tpot_s=0.005)}


def private_run(folder: Path, started: str = "2026-01-01T00:00:00Z") -> Path:
    """A scripted run, its files then filled with secrets."""
    folder.mkdir(parents=True)
    path = folder / "private.toml"
    path.write_text(SUITE)
    run = write(folder / "run", path, TARGETS, started=started)
    _spoil_manifest(run / "run.json")
    _spoil_journal(run / "journal.jsonl")
    (run / "telemetry.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in _telemetry()))
    (run / "logs").mkdir(exist_ok=True)
    (run / "logs" / f"b1-one-{USER}.log").write_bytes(
        f"\x1b[31m{SENTENCE}\r\n{PROMPT}\n".encode() + b"\xff\xfe\n"
    )
    (run / "notes.txt").write_text(SENTENCE)
    return run


def _spoil_manifest(path: Path) -> None:
    told = json.loads(path.read_text())
    told["private"] = [HOST, USER, HOME]
    told["command"] = ["crossbench", "run", f"{HOME}/private.toml", "--python", f"null={HOME}/py"]
    told["suite_text"] += f"# {SENTENCE}\n"
    told["selection"]["pythons"] = {"null": f"{HOME}/venv/bin/python"}
    suite = told["plan"]["suite"]
    suite["path"] = f"{HOME}/private.toml"
    for target in suite["targets"]:
        target["artifact"] = f"{HOME}/My Models/config.json"
        servers = [f"{SERVER}:50052"]
        target["options"] = {"draft": f"{HOME}/d.gguf", f"{HOME}/key": 1, "servers": servers}
    told["plan"]["exclusions"] = [
        {"target": "one", "scenario": "long", "word": "unavailable", "reason": SENTENCE}
    ]
    told["plan"]["findings"] = [
        {
            "rule": "x",
            "severity": "risk",
            "targets": ["one"],
            "evidence": SENTENCE,
            "fix": SENTENCE,
        }
    ]
    told["plan"]["machine"] = {**told["plan"]["machine"], **_cards()}
    path.write_text(json.dumps(told))


def _cards() -> dict[str, Any]:
    def unknown() -> dict[str, Any]:
        return {"value": None, "reason": SENTENCE}

    names = (
        *("pci_address", "vbios", "memory_total_bytes", "memory_free_bytes", "memory_used_bytes"),
        *("bar1_bytes", "resizable_bar", "ecc", "compute_mode", "persistence", "busy_percent"),
        *("temperature_c", "held_back"),
    )
    links = ("generation", "most_generation", "width", "most_width")
    limits = ("limit_w", "default_w", "least_w", "most_w")
    device = {
        **{name: unknown() for name in names},
        "name": "NVIDIA GeForce RTX 4090",
        "uuid": {"value": UUID, "reason": None},
        "pcie": {name: unknown() for name in links},
        "power": {name: unknown() for name in limits},
        "occupants": {
            "value": [
                {
                    "kind": "graphics",
                    "program": {"value": PROGRAM, "reason": None},
                    "memory_bytes": {"value": 1, "reason": None},
                }
            ],
            "reason": None,
        },
    }
    cards = {"driver": unknown(), "cuda": unknown(), "devices": [device], "pairs": []}
    return {"nvidia": {"value": cards, "reason": None}, "cuda_devices": [device["name"]]}


def _spoil_journal(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    first: dict[str, Any] = {}
    for line in lines:
        if line["event"] == "LaunchReady":
            line["loaded"]["settings"]["model_path"] = {"value": f"{HOME}/x", "source": "api"}
            line["loaded"]["settings"][f"{HOME}/y"] = {"value": [SENTENCE], "source": "api"}
            line["loaded"]["devices"] = [
                {"id": UUID, "name": "NVIDIA GeForce RTX 4090", "kind": "gpu", "total_bytes": 1}
            ]
            line["memory"] = {UUID: {"weights_bytes": 5}}
        elif line["event"] == "SampleTaken":
            line["record"]["finish"]["native"] = {f"{USER} tps": 1.0}
            if not first:
                line["record"]["failure"] = {"kind": "request", "message": "instead of [17, 4]"}
            first = first or line
        elif line["event"] == "LaunchEnded":
            line["undrained"] = {UUID: 7, HIDDEN_UUID: 8}
    said = f"{SENTENCE} while asked: {PROMPT[:30]}... instead of [17, 4, 9]"
    failed = {
        **{"event": "CellFailed", "launch": first["launch"], "scenario": "long", "kind": "error"},
        **{"phase": "prefill", "message": said},
    }
    lines[-1:-1] = [failed]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _telemetry() -> list[dict[str, Any]]:
    channels = [
        {"device": device, "quantity": "temperature", "unit": "\u00b0C", "kind": "gauge"}
        for device in (UUID, HIDDEN_UUID, f"disk of {USER}")
    ]
    return [
        {
            **{"type": "opened", "at_ns": 1, "interval_s": 1.0},
            "probes": [
                {"name": "nvml", "channels": channels, "absent": None},
                {"name": "rapl", "channels": [], "absent": SENTENCE},
            ],
        },
        {"type": "watched", "at_ns": 2, "launch": "b1-one"},
        {"type": "tick", "at_ns": 3, "took_ns": 1, "values": [40.0, 41.0, 42.0]},
    ]
