"""The null test: one target under two names, so that any difference found is the noise."""

from __future__ import annotations

from msgspec.structs import replace

from crossbench.suite.model import Comparison, Suite


def twinned(suite: Suite, target: str) -> Suite:
    """The suite with nothing but this target, twice; its text is not scored.

    The twins keep the target's name as their base, so that choosing it chooses both.
    """
    (one,) = [each for each in suite.targets if each.name == target]
    twins = tuple(replace(one, name=f"{target}-{letter}", base=target) for letter in "ab")
    return replace(
        suite,
        title=f"Null test of {target}: {suite.title or suite.name}",
        targets=twins,
        quality=None,
        comparison=Comparison(baseline=twins[0].name),
        null_test=target,
    )
