"""The index as a page: one file of text, without script and without anything from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossbench.publish.entries import FILES, Entry, by_suite
from crossbench.publish.readme import address
from crossbench.report.html.page import stylesheet, visible
from crossbench.report.html.policy import policy
from crossbench.report.words import counted

MARK = '<meta name="generator" content="crossbench publish">'
"""What tells a page of ours."""


def render(entries: tuple[Entry, ...]) -> str:
    """The whole page."""
    style = stylesheet()
    return str(
        _page().render(
            mark=Markup(MARK),  # noqa: S704  # ours
            style=Markup(style),  # noqa: S704  # ours
            policy=policy(style),
            entries=entries,
            suites=tuple(by_suite(entries)),
        )
    )


@cache
def _page() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.globals.update(address=address, counted=counted, files=FILES)
    return environment.get_template("index.html.j2")
