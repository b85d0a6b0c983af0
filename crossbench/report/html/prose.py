"""Sections that are sentences: written once, in markdown, and rendered here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from crossbench.report.html.tables import NO_ROWS, Rows, prepare
from crossbench.report.words import UNLINKED


class Renderer(RendererHTML):
    """Tables and commands scroll by themselves; no style attribute, which the policy forbids."""

    def table_open(
        self, _tokens: Sequence[Token], _index: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """The box around a table can be reached by keyboard."""
        env["tables"] = env.get("tables", 0) + 1
        label = f"{env['label']}, table {env['tables']}"
        return f'<div class="scroll" role="group" tabindex="0" aria-label="{escape(label)}"><table>'

    def table_close(
        self, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        """The end of both."""
        return "</table></div>\n"

    def code_block(
        self, tokens: Sequence[Token], index: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """A command, which scrolls by itself."""
        told = escape(tokens[index].content)
        label = escape(f"{env['label']}, command")
        return f'<pre tabindex="0" role="group" aria-label="{label}"><code>{told}</code></pre>\n'

    def th_open(
        self, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        """A header of a column."""
        return f'<th scope="col"{_attributes(tokens[index])}>'

    def td_open(
        self, tokens: Sequence[Token], index: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """A cell, or what names its row."""
        token = tokens[index]
        env["names"] = token.meta.get("names", False)
        opened = '<th scope="row"' if env["names"] else "<td"
        return f"{opened}{_attributes(token)}>"

    def td_close(
        self, _tokens: Sequence[Token], _index: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """The end of either."""
        return "</th>\n" if env["names"] else "</td>\n"


def _attributes(token: Token) -> str:
    side = ' class="num"' if "right" in str(token.attrGet("style") or "") else ""
    sort = token.attrGet("data-sort")
    return side if sort is None else f'{side} data-sort="{sort}"'


_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False}, renderer_cls=Renderer)
    .enable("table")
    .disable(["image", "link", "autolink", "reference"])
)


def html(label: str, parts: Iterable[str], rows: Rows = NO_ROWS) -> Markup:
    """Markdown of ours as HTML; raw HTML and links in it are shown, not obeyed.

    `label` names the section to who cannot see it; `rows` what its tables are filtered by.
    """
    env: dict[str, object] = {"label": label}
    text = "\n\n".join(part for part in parts if part).replace(UNLINKED, "@")
    tokens = _MARKDOWN.parse(text, env)
    prepare(tokens, rows)
    told = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env)
    return Markup(told)  # noqa: S704  # raw HTML is off
