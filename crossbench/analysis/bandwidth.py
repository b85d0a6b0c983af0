"""How much of its devices' published memory bandwidth a decode uses: what a reader can compare it
with, since one that reads every weight once a token can be no faster than that."""

from __future__ import annotations

from msgspec import Struct

from crossbench.analysis import device
from crossbench.api import Loaded
from crossbench.machine.model import Machine
from crossbench.machine.published import Published, published


class BandwidthUse(Struct, frozen=True, kw_only=True):
    """One cell's decode against what is published of the devices it runs on."""

    target: str
    scenario: str
    devices: tuple[str, ...] = ()
    bytes_per_s: float | None = None
    """Bytes of weights times tokens per second."""
    published_bytes_per_s: float | None = None
    """Summed over the devices, or over those of one replica, which reads its own weights; those
    that wait for each other, as in a pipeline, cannot reach it with one stream."""
    share: float | None = None
    reason: str | None = None
    """Why there is no share."""


def bandwidth_use(
    machine: Machine,
    loaded: Loaded | None,
    decode_tps: float | None,
    experts: int | None,
    target: str,
    scenario: str,
) -> BandwidthUse:
    """`experts`: of each layer of the model, 0 for none; None where its header was not read."""
    weights = loaded.weight_bytes.value if loaded else None
    names = _names(machine, loaded) if loaded else None
    known = [published(name) for name in names or ()]
    whole = sum(each.memory_bytes_per_s for each in known if each) / _replicas(loaded)
    if loaded is None or decode_tps is None:
        reason: str | None = "no decode rate"
    elif weights is None:
        reason = "the engine does not tell how large its weights are"
    else:
        reason = _unsteady(loaded, experts) or _unpublished(names, known)
    if reason is not None or weights is None or decode_tps is None:
        return BandwidthUse(target=target, scenario=scenario, reason=reason)
    return BandwidthUse(
        target=target,
        scenario=scenario,
        devices=names or (),
        bytes_per_s=weights * decode_tps,
        published_bytes_per_s=whole,
        share=weights * decode_tps / whole,
    )


def _replicas(loaded: Loaded | None) -> int:
    """Workers that hold the model each by itself, on equal shares of the devices."""
    fact = loaded.settings.get("replicas") if loaded else None
    return int(fact.value) if fact and fact.value else 1


def _unsteady(loaded: Loaded, experts: int | None) -> str | None:
    """Why a token may not take one reading of all weights, or None."""
    if experts is None:
        return "whether all weights are read for a token is not known"
    if experts:
        return "not all weights are read for a token: the model has experts"
    speculative = loaded.settings.get("speculative")
    if speculative is not None and speculative.value not in (None, "none"):
        return "tokens are speculated: weights are not read once for each"
    return None


def _unpublished(names: tuple[str, ...] | None, known: list[Published | None]) -> str | None:
    if names is None:
        return "it does not run on GPUs of this machine alone"
    return None if names and None not in known else "nothing is published of its devices"


def _names(machine: Machine, loaded: Loaded) -> tuple[str, ...] | None:
    """The GPUs that the weights lie on, as the published facts name them."""
    if not loaded.devices or any(each.kind != "gpu" for each in loaded.devices):
        return None
    apple = machine.apple.value
    if apple and apple.device:
        return (apple.device,)
    places = device.gpus(machine, loaded.devices)
    return None if places is None else tuple(machine.gpus[place].name for place in places)
