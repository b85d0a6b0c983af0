"""Print what crossbench says of every deliberately bad suite of the tests, as markdown.

`python -m tools.suite_errors > docs/suite-errors.md`; a test holds the page to the code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crossbench.errors import SuiteError
from crossbench.suite.load import load

BAD = Path(__file__).parents[1] / "tests" / "suite" / "bad"

HEAD = """# What is said of a wrong suite

Every suite in `tests/suite/bad/` and the messages it gives, made by
`python -m tools.suite_errors`. All problems of a file are told at once; the exit code is 2.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    os.chdir(BAD)
    for path in sorted(Path().glob("*.toml")):
        try:
            load(path)
        except SuiteError as error:
            told = str(error).encode("ascii", "backslashreplace").decode()
            yield f"## {path.stem.replace('-', ' ')}\n\n```text\n{told}\n```\n"


if __name__ == "__main__":
    print(page(), end="")
