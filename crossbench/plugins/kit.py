"""The conformance kit run in pytest, in this process, with a verdict on each of its rules.

The kit is a class of tests (`crossbench.testing.BackendConformance`); here its attributes are
set, and pytest is listened to instead of read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from crossbench.plugins.verdict import RuleVerdict, Tell
from crossbench.testing.conformance import subject
from crossbench.testing.conformance.base import Checks
from crossbench.testing.conformance.kit import BackendConformance
from crossbench.testing.conformance.subject import TestBackend
from crossbench.testing.conformance.verdict import RuleBroken

AMBIENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""What a user set for other runs of pytest."""
ALONE = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
ASKED_OTHERWISE = {"artifact", "backend", "options", "plugin", "python", "spec", "variant"}
SETTINGS: Mapping[str, Any] = {
    name: get_args(hint)[0]
    for name, hint in get_type_hints(Checks).items()
    if not name.startswith("_") and name not in ASKED_OTHERWISE
}
"""Attributes of the kit that an adopter may set, with their types; `Checks` explains each."""


def verdicts(name: str, attributes: Mapping[str, Any], tell: Tell) -> list[RuleVerdict]:
    """Hold a backend to every rule of the kit. Raises KeyboardInterrupt."""
    listener = _Listener(f"backend {name}", tell, sys.stdout)
    arguments = ["-q", "-s", "-c", os.devnull, "-p", "no:cacheprovider", subject.__file__]
    with _alone({"backend": name, **attributes}):
        code = pytest.main(arguments, plugins=[listener])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with code {code!r} instead of verdicts")
    return listener.found


class _Listener:
    """A plugin of pytest that takes down how each check ended."""

    def __init__(self, about: str, tell: Tell, out: Any) -> None:
        self.found: list[RuleVerdict] = []
        self._about, self._tell, self._out = about, tell, out

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The rules in the order of the kit: the declaration first, what is left at the end."""
        order = {
            name: (place, number)
            for place, checks in enumerate(BackendConformance.__bases__)
            for number, name in enumerate(vars(checks))
        }
        items.sort(key=lambda item: order[item.name])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """After the setup, the call and the teardown of a check."""
        error = call.excinfo.value if call.excinfo else None
        if call.when != "call" and error is None:
            return
        verdict = _judged(error)
        statement = " ".join((getattr(item, "obj").__doc__ or "").split())  # noqa: B009 - untyped
        reached = RuleVerdict(
            subject=self._about,
            rule=item.name.removeprefix("test_").replace("_", "-"),
            statement=statement,
            seconds=round(call.duration, 3),
            **verdict,
        )
        self.found.append(reached)
        with redirect_stdout(self._out):
            self._tell(reached)


def _judged(error: BaseException | None) -> dict[str, Any]:
    match error:
        case None:
            return {"verdict": "holds"}
        case RuleBroken():
            return {"verdict": "broken", "found": error.found, "do": error.do}
        case pytest.skip.Exception():
            return {"verdict": "left out", "found": str(error.msg)}
        case pytest.fail.Exception():
            return {"verdict": "broken", "found": str(error.msg)}
    told = f"the check itself broke: {type(error).__name__}: {error}"
    return {"verdict": "broken", "found": told}


@contextmanager
def _alone(attributes: Mapping[str, Any]) -> Iterator[None]:
    """The kit with these attributes, without what the user's own pytest is set up with and says."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Path(os.devnull).open("w", encoding="utf-8") as void,
        redirect_stdout(void),
    ):
        for name, value in attributes.items():
            patch.setattr(TestBackend, name, value, raising=False)
        for name in AMBIENT:
            patch.delenv(name, raising=False)
        patch.setenv(ALONE, "1")
        yield
