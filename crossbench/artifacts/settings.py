"""Which hub is asked and where its files are kept: what huggingface_hub's environment says."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class HubSettings(Struct, frozen=True, kw_only=True):
    """`HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME`, and `HF_HUB_OFFLINE`."""

    endpoint: str
    cache: Path
    offline: bool = False


def hub_settings() -> HubSettings:
    """As huggingface_hub understood the environment when it was imported."""
    from huggingface_hub import constants  # noqa: PLC0415  (only who names a hub artifact pays)

    return HubSettings(
        endpoint=constants.ENDPOINT,
        cache=Path(constants.HF_HUB_CACHE),
        offline=constants.HF_HUB_OFFLINE,
    )
