"""Environments of the engines that allocate for real."""

from __future__ import annotations

from tests.llamacpp.conftest import llamacpp, serve, two_devices

__all__ = ["llamacpp", "serve", "two_devices"]
