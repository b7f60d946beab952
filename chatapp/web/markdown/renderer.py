"""From Markdown to HTML that is safe to show, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from chatapp.web.markdown.formulas import as_code, formulas, mathml
from chatapp.web.markdown.highlighting import code_block
from chatapp.web.markdown.limits import MAX_NESTING, MAX_SOURCE, Budget
from chatapp.web.markdown.links import LinkPolicy, links
from chatapp.web.markdown.references import Reference, References, of, references
from chatapp.web.markdown.sanitizer import sanitize

CACHED_SOURCE = 16_384
"""Characters up to which a rendered text is remembered: a conversation is shown again and again."""

_UNENCODABLE = re.compile("[\ud800-\udfff]")


def render(source: str, known: tuple[Reference, ...] = ()) -> Markup:
    """The HTML of `source`, in which marks of `known` voices are links to their replies. Never raises; whatever the
    text, nothing in the answer runs or loads anything."""
    return _remembered(source, known) if len(source) <= CACHED_SOURCE else render_once(source, known)


def render_once(source: str, known: tuple[Reference, ...] = ()) -> Markup:
    """The same for what will not be asked for again, such as a part of a reply."""
    return _rendered(source, known) if len(source) <= MAX_SOURCE else as_plain_text(source)


def as_plain_text(source: str) -> Markup:
    """`source` as it was written, in a box that keeps its lines."""
    text = escape(_UNENCODABLE.sub("\ufffd", source))
    return Markup('<div class="md-code"><pre tabindex="0">{}</pre></div>\n').format(text)


@lru_cache(maxsize=256)
def _remembered(source: str, known: tuple[Reference, ...]) -> Markup:
    return render_once(source, known)


def _rendered(source: str, known: tuple[Reference, ...]) -> Markup:
    found = References(known)
    html = _parser.render(_UNENCODABLE.sub("\ufffd", source), {"budget": Budget(), "marks": found})
    return Markup(found.put(sanitize(html)))  # noqa: S704 - this is what the sanitizer is for


class _Html(RendererHTML):
    """How each token looks; what is not here looks as markdown-it has it."""

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """The page's own headings are h1 and h2; a message's begin below them."""
        return f"<{_heading(tokens[idx])}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_heading(tokens[idx])}>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="md-table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx])

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _cell(tokens[idx])

    def bullet_list_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tasks = "contains-task-list" in str(tokens[idx].attrs.get("class", ""))
        return '<ul class="md-tasks">\n' if tasks else "<ul>\n"

    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        if "checked" not in tokens[idx].meta:
            return "<li>"
        checked = ' checked=""' if tokens[idx].meta["checked"] else ""
        return f'<li class="md-task"><input type="checkbox" disabled=""{checked}> '

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block(tokens[idx].content, tokens[idx].info, _budget(env))

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block(tokens[idx].content, "", _budget(env))

    def reference_mark(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return of(env).place(tokens[idx].meta["voice"])

    def formula(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        display = bool(tokens[idx].meta["display"])
        return f'<span class="md-formula">{_formula(tokens[idx].content, env, display=display)}</span>'

    def formula_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        inside = _formula(tokens[idx].content, env, display=True)
        return f'<div class="md-formula" tabindex="0">{inside}</div>\n'


def _heading(token: Token) -> str:
    return f"h{min(int(token.tag[1]) + 2, 6)}"


def _cell(token: Token) -> str:
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f'<{token.tag} class="md-{side}">' if side else f"<{token.tag}>"


def _budget(env: EnvType) -> Budget:
    return cast(Budget, env["budget"])


def _formula(latex: str, env: EnvType, *, display: bool) -> str:
    return mathml(latex, display=display) if _budget(env).spend_formula(len(latex)) else as_code(latex)


def _make_parser() -> LinkPolicy:
    # No `html`: tags in the text are shown as text. No `reference`: a link defined once and used ten thousand
    # times is a bomb, and a definition further down would change blocks that a reader already has.
    parser = LinkPolicy(
        "commonmark",
        {"html": False, "maxNesting": MAX_NESTING, "tasklists": True},
        renderer_cls=_Html,
    )
    parser.enable(["table", "strikethrough"]).disable("reference")
    return cast(LinkPolicy, parser.use(formulas).use(links).use(references))


_parser = _make_parser()
