"""Checks of what a plugin says before anything is loaded, and of the shape of its objects."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from crossbench.api import ENTRY_POINT_GROUP, BackendSpec
from crossbench.envs import overlay
from crossbench.envs.interpreter import normal
from crossbench.registry import Registry
from crossbench.testing.conformance.base import Checks

NONSENSE: list[list[list[object]]] = [[[]]]
"""A value that no option takes, whatever its type."""
PACKAGES = (
    "import json, importlib.metadata as m; "
    "print(json.dumps({k: v for k, v in m.packages_distributions().items()}))"
)
"""Prints which distributions each importable top-level package comes from."""
IMPORTS = """
import importlib, json, sys

class Listener:
    asked = []

    def find_spec(self, name, path=None, target=None):
        self.asked.append(name.partition(".")[0])

sys.meta_path.insert(0, Listener())
for module in sys.argv[1:]:
    loaded = importlib.import_module(module)
    declare = getattr(loaded, "crossbench_backends", None)
    if declare is not None:
        list(declare())
print("\\n" + json.dumps(sorted(set(Listener.asked))))
"""
"""Imports modules, calls their hook, and prints every top-level package that was asked for."""


class DeclarationChecks(Checks):
    """The declaration, the options, and the methods' parameters."""

    def test_declaration_imports_no_engine(self) -> None:
        """The modules that declare a backend and its options import no engine: the host has none,
        and its command line stays instant."""
        engine = self._engine_packages()
        modules = [*self._declaring_modules(), self.spec.options.partition(":")[0]]
        asked = json.loads(_python(sys.executable, IMPORTS, *modules).splitlines()[-1])
        if imported := sorted(engine & set(asked)):
            self.broken(
                f"importing {' and '.join(modules)} imports {', '.join(imported)}",
                f"import it only in the module of the factory, {self.spec.factory}",
            )

    def test_signatures_are_the_contracts(self) -> None:
        """Backend and session have the contract's methods; each takes the contract's parameters
        by position and by name, and what it takes besides has a default."""
        faults = self._alive(lambda: self.bench.seen).signatures
        if faults:
            self.broken("; ".join(faults), "take the parameters that crossbench.api names")

    def test_options_are_a_struct_that_knows_its_keys(self) -> None:
        """Options are a msgspec Struct that refuses a key it does not know, so that a misspelt
        option in a suite is an error and not a default."""
        options = self._options_type()
        if not (isinstance(options, type) and issubclass(options, Struct)):
            self.broken(f"{self.spec.options} is no Struct", "derive it from msgspec.Struct")
        if _takes(options, {**self.options, "no_such_option": 1}):
            self.broken(
                "an option no_such_option = 1 was taken",
                "declare the Struct with forbid_unknown_fields=True",
            )

    def test_options_are_validated(self) -> None:
        """Options take what a suite may write and refuse wrong types and the adopter's
        `bad_options`, before anything is loaded."""
        options = self._options_type()
        if problem := _problem(options, self.options):
            self.broken(f"options {dict(self.options)} are refused: {problem}", "mend either")
        for field in msgspec.structs.fields(options):
            if _takes(options, {**self.options, field.encode_name: NONSENSE}):
                self.broken(
                    f"option {field.encode_name} takes {NONSENSE}",
                    "give it a type and bounds (msgspec.Meta)",
                )
        for table in self.bad_options:
            if _takes(options, {**self.options, **table}):
                self.broken(
                    f"options {dict(table)} are taken",
                    "refuse them by type, by msgspec.Meta or in __post_init__ with a ValueError",
                )

    def _options_type(self) -> Any:
        module, _, name = self.spec.options.partition(":")
        return getattr(importlib.import_module(module), name)

    def _declaring_modules(self) -> list[str]:
        if self.plugin is not None:
            return [self.plugin]
        if isinstance(self.backend, BackendSpec):
            return []
        origin = Registry().backend(self.backend).origin
        points = entry_points(group=ENTRY_POINT_GROUP, name=origin.plugin)
        return [point.module for point in points]

    def _engine_packages(self) -> set[str]:
        """Top-level packages of the engine's distributions, as its own interpreter has them."""
        environment = self.environment
        laid = set(overlay.versions(self.spec))
        engine = {normal(name) for name in self.spec.distributions} - laid
        return {
            package
            for package, owners in _packages(str(environment.python)).items()
            if engine & {normal(owner) for owner in owners}
        }


def _problem(options: Any, table: Mapping[str, Any]) -> str | None:
    try:
        msgspec.convert(dict(table), options)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _takes(options: Any, table: Mapping[str, Any]) -> bool:
    return _problem(options, table) is None


@cache
def _packages(interpreter: str) -> Mapping[str, list[str]]:
    """Top-level package -> distributions, of an interpreter."""
    told: Mapping[str, list[str]] = json.loads(_python(interpreter, PACKAGES))
    return told


def _python(interpreter: str, code: str, *arguments: str) -> str:
    """What a fresh interpreter prints; that of this process sees what this process sees."""
    own = interpreter == sys.executable
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} if own else {}
    ran = subprocess.run(
        [interpreter, "-c", code, *arguments],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if ran.returncode:
        pytest.fail(f"{' '.join(arguments)} cannot be imported:\n{ran.stderr[-2000:]}", False)
    return ran.stdout
