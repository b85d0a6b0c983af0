"""Servers that a target has by its options, and crossbench did not start."""

from __future__ import annotations

from typing import Any

import pytest

from crossbench.analysis.servers import here, reached


@pytest.mark.parametrize(
    ("options", "found", "local"),
    [
        ({"threads": 2}, (), ()),
        ({"rpc_servers": None, "base_url": None}, (), ()),
        (
            {"rpc_servers": ["127.0.0.1:50061", "gpubox:50052", "localhost:50062"]},
            ("127.0.0.1:50061", "gpubox:50052", "localhost:50062"),
            ("127.0.0.1:50061", "localhost:50062"),
        ),
        ({"rpc_servers": ["[::1]:50061"]}, ("[::1]:50061",), ("[::1]:50061",)),
        ({"rpc_servers": ["192.168.1.20:50052"]}, ("192.168.1.20:50052",), ()),
        ({"rpc_servers": ["(address):50052"]}, ("(address):50052",), ()),
        ({"base_url": "http://127.0.0.1:8000/v1"}, ("127.0.0.1:8000",), ("127.0.0.1:8000",)),
        ({"base_url": "http://[::1]:8000/v1"}, ("[::1]:8000",), ("[::1]:8000",)),
        ({"base_url": "https://models.example/v1"}, ("models.example",), ()),
        ({"base_url": "http://127.0.0.1:8000/v1", "command": ["serve"]}, (), ()),
        ({"rpc_servers": ["[(address)]:50052"]}, (), ()),
    ],
)
def test_they_are_told_with_those_on_this_machine(
    options: dict[str, Any], found: tuple[str, ...], local: tuple[str, ...]
) -> None:
    assert (reached(options), here(options)) == (found, local)
