"""Options of targets, held against what their backends offer."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from crossbench.errors import InputError, SuiteError
from crossbench.registry import Provided, Registry
from crossbench.suite.model import Suite
from crossbench.suite.options import Offer, option_problems


def check_options(path: Path, suite: Suite, registry: Registry) -> None:
    """Raises SuiteError when a target asks what its installed backend does not offer.

    `path` is the suite as the user named it, for the messages.
    """
    provided = {target.name: registry.backends.get(target.backend) for target in suite.targets}
    offers = {}
    for name, backend in provided.items():
        with suppress(InputError):  # a broken plugin costs its own targets, in the plan
            if backend is not None:
                offers[name] = Offer(options_type(backend), tuple(backend.spec.environments))
    if problems := option_problems(path, suite, offers):
        raise SuiteError(problems)


def options_type(provided: Provided) -> type[Struct]:
    """A backend's options struct, imported in the host. Raises InputError naming the plugin."""
    module, _, name = provided.spec.options.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(
            f"plugin {provided.origin}: its options {provided.spec.options} cannot be imported "
            f"({cause})"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise InputError(
            f"plugin {provided.origin}: its options {provided.spec.options} are no msgspec Struct"
        )
    return kind
