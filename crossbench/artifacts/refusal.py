"""A hub's answers that are not what was asked for, as sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping

from crossbench.artifacts.patience import Transient
from crossbench.artifacts.reference import Hub
from crossbench.errors import ArtifactFailure, Unreachable

BUSY = 429
LOG_IN = "log in with `hf auth login` (or set HF_TOKEN)"
AGAIN = (408, 425, BUSY, 500, 502, 503, 504)


def refusal(
    status: int, headers: Mapping[str, str], wanted: Hub, endpoint: str
) -> ArtifactFailure | Transient:
    """The error for an answer with a status of 400 or more.

    The hub says what a 401, 403 or 404 means in the header X-Error-Code.
    """
    code = headers.get("x-error-code", "")
    said = headers.get("x-error-message", "").strip()
    if status in AGAIN:
        return _again(status, headers, wanted, endpoint)
    if not code and not said:
        return no_hub(wanted, endpoint, f"it answers {status} without a hub's headers")
    home = f"{endpoint}/{wanted.id}"
    if code == "GatedRepo":
        who = "nobody is logged in" if status == 401 else "this account has not been given access"
        return ArtifactFailure(
            f"{wanted}: the repository is gated, and {who} ({status}); "
            f"accept its licence at {home} in a browser, then {LOG_IN} with that account"
        )
    if status == 401 and not code:
        return ArtifactFailure(
            f"{wanted}: the hub does not accept the token (401: {said}); make "
            f"one at {endpoint}/settings/tokens that may read this repository, and {LOG_IN}"
        )
    if code == "RevisionNotFound":
        return ArtifactFailure(
            f"{wanted}: the repository has no revision {wanted.at!r} (404); "
            f"{home}/commits/main lists its commits"
        )
    if code == "EntryNotFound":
        return ArtifactFailure(f"{wanted}: the repository does not have the file (404); see {home}")
    if status in (401, 404):
        return ArtifactFailure(
            f"{wanted}: the hub has no repository {wanted.id} that you may see ({status}); check "
            f"its name at {home}, and if it is private {LOG_IN}"
        )
    told = f": {said}" if said else ""
    return ArtifactFailure(
        f"{wanted}: the hub refuses this ({status}{told}); see {home}, and whether the token may "
        "read it"
    )


def no_hub(wanted: Hub, endpoint: str, found: str) -> Unreachable:
    """For a network that answers in the hub's stead."""
    return Unreachable(
        f"{wanted}: what answers at {endpoint} is no hub ({found}); check HF_ENDPOINT, the proxy "
        "and whether this network wants a login"
    )


def _again(status: int, headers: Mapping[str, str], wanted: Hub, endpoint: str) -> Transient:
    word = "has had too many requests" if status == BUSY else "is not well"
    advice = f"; {LOG_IN}, which allows more" if status == BUSY else ""
    return Transient(
        f"{wanted}: the hub at {endpoint} {word} ({status}){advice}",
        _seconds(headers.get("retry-after", "")),
    )


def _seconds(written: str) -> float | None:
    """Retry-After in seconds; its other form, a date, is left to the usual wait."""
    return float(written) if written.isascii() and written.isdigit() else None
