"""What of a suite the user wants to run, and with which environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from packaging.requirements import Requirement

from crossbench.errors import InputError
from crossbench.owner import Owned
from crossbench.suggest import suggestion
from crossbench.suite.model import Scenario, Suite, Target


class Selection(Struct, frozen=True, kw_only=True):
    """The user's choices on the command line; empty means everything, chosen automatically."""

    targets: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    variants: Mapping[str, str] = {}
    """Backend -> environment variant."""
    pythons: Mapping[str, str] = {}
    """Backend -> interpreter that has the engine."""
    ignored: tuple[str, ...] = ()
    """Preflight rules whose findings are not told."""
    trust: bool = False
    """Whether interpreters, packages and build settings that the suite names are used."""
    owned: Mapping[str, Owned] = {}
    """Backend -> what the machine's owner has set."""

    def python(self, target: Target) -> Path | None:
        """The interpreter chosen for a target: by the user, the trusted suite, or the owner."""
        suites = target.python if self.trust else None
        given = self.pythons.get(target.backend) or suites or self._owned(target).python
        return Path(given).expanduser() if given else None

    def variant(self, target: Target) -> str | None:
        """The environment variant chosen for a target, if one was."""
        chosen = self.variants.get(target.backend) or target.variant
        return chosen or self._owned(target).variant

    def requires(self, target: Target) -> tuple[str, ...]:
        """Requirements of the target's own environment; the suite's beat the owner's."""
        suites = target.requires if self.trust else ()
        named = {Requirement(each).name.lower() for each in suites}
        owners = self._owned(target).requires
        kept = [each for each in owners if Requirement(each).name.lower() not in named]
        return (*kept, *suites)

    def build(self, target: Target) -> Mapping[str, Mapping[str, str]]:
        """Package -> build settings, beyond the backend's own."""
        return {**self._owned(target).build, **(target.build if self.trust else {})}

    def _owned(self, target: Target) -> Owned:
        return self.owned.get(target.backend, Owned())

    def check(self, suite: Suite) -> None:
        """Raises InputError for a name that the suite does not have."""
        _check("target", self.targets, suite.targets)
        _check("scenario", self.scenarios, suite.scenarios)
        backends = {target.backend for target in suite.targets}
        for option, given in (("--variant", self.variants), ("--python", self.pythons)):
            for backend in given:
                if backend not in backends:
                    raise InputError(
                        f"{option} {backend}=...: no target of suite {suite.name} uses this backend"
                        f"{suggestion(backend, backends)}; it uses {', '.join(sorted(backends))}"
                    )

    def takes(self, kind: str, item: Target | Scenario) -> bool:
        """Whether a target or scenario is wanted, by its own name or the one it expanded from."""
        wanted = self.targets if kind == "target" else self.scenarios
        return not wanted or item.name in wanted or item.base in wanted


def _check(kind: str, wanted: Sequence[str], items: Sequence[Target | Scenario]) -> None:
    known = list(dict.fromkeys(name for item in items for name in (item.base, item.name)))
    for name in wanted:
        if name not in known:
            raise InputError(
                f"the suite has no {kind} {name!r}{suggestion(name, known)}; "
                f"it has {', '.join(known)}"
            )
