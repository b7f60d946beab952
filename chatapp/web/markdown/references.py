"""References: in a merged answer `[@explorer]` leads to what that voice said, if it is one of those that were read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType
from markupsafe import Markup

_MARK = re.compile(r"\[@([a-z0-9-]{1,32})\]", re.ASCII)
MOST_LINKS = 500
"""In one text. A link can be a hundred times as long as its mark; further marks stay as they are written."""
_LINK = Markup('<a class="voice-reference" href="#reply-{generation_id}" data-colour="{colour}">{name}</a>')


@dataclass(frozen=True, slots=True)
class Reference:
    """A voice that can be referred to, and its reply. `colour` is six hexadecimal digits."""

    voice: str
    name: str
    generation_id: str
    colour: str

    @property
    def html(self) -> str:
        return _LINK.format(generation_id=self.generation_id, colour=self.colour, name=self.name)


class References:
    """Those of one text, while it is rendered. What the sanitizer gets to see in their places is text that nobody can
    have written; the links take their places afterwards, and so it need not let through what a text could make up."""

    def __init__(self, known: Sequence[Reference]) -> None:
        self._known = {each.voice: each for each in known}
        self._secret = secrets.token_hex(16)
        self._left = MOST_LINKS

    def leads(self, voice: str) -> bool:
        """Whether a mark of that voice becomes a link."""
        return self._left > 0 and voice in self._known

    def count(self) -> None:
        """There is one link more."""
        self._left -= 1

    def place(self, voice: str) -> str:
        """What stands for the link to that voice's reply."""
        return f"{self._secret}:{voice};"

    def put(self, html: str) -> str:
        """`html`, which is sanitized, with the links in their places."""
        if not self._known:
            return html
        place = re.compile(rf"{self._secret}:([a-z0-9-]+);")
        return place.sub(lambda found: self._known[found[1]].html, html)


def references(md: MarkdownIt) -> None:
    """A markdown-it plugin: marks of voices that `env` knows become tokens. It is asked before links are, and never
    within one: `[@a](https://b.example)` is a mark, and a bracket after it."""
    md.inline.ruler.before("link", "reference_mark", _mark)


def of(env: EnvType) -> References:
    """Those of the text that is being rendered."""
    return cast(References, env["marks"])


def _mark(state: StateInline, silent: bool) -> bool:
    found = _MARK.match(state.src, state.pos, state.posMax) if state.src.startswith("[@", state.pos) else None
    if found is None or state.linkLevel or not of(state.env).leads(found[1]):
        return False
    if not silent:
        of(state.env).count()
        token: Token = state.push("reference_mark", "", 0)
        token.content, token.meta = found[0], {"voice": found[1]}
    state.pos = found.end()
    return True
