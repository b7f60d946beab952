"""Links: which addresses are let through, bare ones, and images, which become links."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from chatapp.web.markdown.limits import MAX_URL

SCHEMES = frozenset({"http", "https", "mailto"})

_ALLOWED = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)
_BARE = re.compile(rf"https?://[^\s<>\"`|\\]{{1,{MAX_URL - 8}}}")
_TRAILING = ".,:;!?'*_~"


class LinkPolicy(MarkdownIt):
    """The parser, with an opinion on addresses: absolute, of a known scheme and not endless.

    A relative address would let a reply's author point at this server's own pages.
    """

    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        return len(url) <= MAX_URL and bool(_ALLOWED.match(url))


def links(md: MarkdownIt) -> None:
    """A markdown-it plugin: bare addresses become links, and so do images.

    A remote image would tell its server who reads the conversation, and when; and what a model was talked
    into writing into its address.
    """
    md.inline.ruler.push("bare_url", _bare_url)
    md.core.ruler.push("images_as_links", _images_as_links)


def _bare_url(state: StateInline, silent: bool) -> bool:
    """Called at the colon, since the text rule stops there; the scheme is in what is pending."""
    if silent or state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = next((each for each in ("https", "http") if state.src.endswith(each, 0, state.pos)), None)
    if scheme is None or not state.pending.endswith(scheme):
        return False
    start = state.pos - len(scheme)
    found = _BARE.match(state.src, start, state.posMax)
    if found is None or state.src[start - 1 : start].isalnum():
        return False
    url = _without_trailing(found[0])
    if len(url) <= len(scheme) + 3 or not state.md.validateLink(state.md.normalizeLink(url)):
        return False
    state.pending = state.pending[: -len(scheme)]
    _push_link(state, url)
    state.pos = start + len(url)
    return True


def _without_trailing(url: str) -> str:
    """The address without the sentence's punctuation, and without a bracket that it did not open."""
    while url:
        if url[-1] in _TRAILING or (url[-1] in ")]}" and _unbalanced(url)):
            url = url[:-1]
        else:
            return url
    return url


def _unbalanced(url: str) -> bool:
    opening = {")": "(", "]": "[", "}": "{"}[url[-1]]
    return url.count(url[-1]) > url.count(opening)


def _push_link(state: StateInline, url: str) -> None:
    state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(url)}
    state.push("text", "", 0).content = url
    state.push("link_close", "a", -1)


def _images_as_links(state: StateCore) -> None:
    for token in state.tokens:
        if token.children and any(child.type == "image" for child in token.children):
            token.children = _without_images(token.children)


def _without_images(tokens: list[Token]) -> list[Token]:
    result: list[Token] = []
    inside_link = False
    for token in tokens:
        inside_link = token.type == "link_open" or (inside_link and token.type != "link_close")
        if token.type != "image":
            result.append(token)
        elif inside_link:
            result.append(_alt(token))
        else:
            attrs: dict[str, str | int | float] = {"href": token.attrs["src"]}
            result += [Token("link_open", "a", 1, attrs), _alt(token), Token("link_close", "a", -1)]
    return result


def _alt(image: Token) -> Token:
    return Token("text", "", 0, content=_plain(image.children or []).strip() or "image")


def _plain(tokens: list[Token]) -> str:
    return "".join(_plain(token.children) if token.children else token.content for token in tokens)
