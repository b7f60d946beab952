"""What a page puts into the places of a shadow tree, and that nothing of it is anywhere else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

PLACE = re.compile(r"label|v\d(-state|-end)?")


def children(html: str) -> list[tuple[str, str]]:
    """Of one element, from what is inside it: each one's slot and inner HTML."""
    reader = _Children()
    reader.feed(html)
    reader.close()
    assert not reader.open, "something is left open"
    return reader.found


class _Children(HTMLParser):
    """They are balanced, each has a slot, and nothing within them has one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[str, str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        slot = dict(attrs).get("slot")
        assert PLACE.fullmatch(slot or "") if not self.open else slot is None, self.get_starttag_text()
        if not self.open:
            self.found.append((slot or "", ""))
        else:
            self._add(self.get_starttag_text() or "")
        if tag not in {"hr", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if self.open:
            self._add(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        assert self.open or not data.strip(), f"outside of every place: {data!r}"
        if self.open:
            self._add(data)

    def handle_entityref(self, name: str) -> None:
        self._add(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._add(f"&#{name};")

    def _add(self, html: str) -> None:
        slot, before = self.found[-1]
        self.found[-1] = slot, before + html
