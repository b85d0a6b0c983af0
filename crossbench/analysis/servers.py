"""Servers that crossbench did not start, which a target computes on by its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit


def reached(options: Mapping[str, Any]) -> Sequence[str]:
    """All of them, each with its port, by the names that options of engines have for them."""
    return tuple(address.netloc for address in _addresses(options))


def here(options: Mapping[str, Any]) -> Sequence[str]:
    """Those on this machine, as far as their addresses say so."""
    return tuple(each.netloc for each in _addresses(options) if _local(each.hostname or ""))


def _addresses(options: Mapping[str, Any]) -> Iterator[SplitResult]:
    lent = options.get("rpc_servers") or ()
    told = [f"//{each}" for each in lent] if isinstance(lent, list | tuple) else []
    if not options.get("command"):  # which starts the server that listens at `base_url`
        told.append(str(options.get("base_url") or ""))
    for each in filter(None, told):
        with suppress(ValueError):  # what was taken out of an address may leave none
            yield urlsplit(each)


def _local(host: str) -> bool:
    with suppress(ValueError):
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    return host == "localhost"
