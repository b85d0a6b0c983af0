"""How a check of the kit ends where its rule does not hold."""

from __future__ import annotations

from _pytest.outcomes import Failed  # pytest's public name, `pytest.fail.Exception`, has no type


class RuleBroken(Failed):
    """What was found, the rule that it breaks, and what to do."""

    def __init__(self, found: str, rule: str, do: str) -> None:
        super().__init__(f"found: {found}\nrule:  {rule}\ndo:    {do}", pytrace=False)
        self.found = found
        self.do = do
