"""Two replies to one question, side by side, and what only one of them says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from chatapp.errors import NotFound
from chatapp.web.comparison.comparison import Part, compared
from chatapp.web.identity import current_account
from chatapp.web.markdown.render_thread import SHORT, in_render_thread
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.pages.chat_page import MESSAGES
from chatapp.web.pages.written import written
from chatapp.web.pieces import Pieces
from chatapp.web.services import services

_ID = re.compile(r"[0-9a-z]{1,32}", re.ASCII)
_SAME_TWICE = "Choose two different replies."


@dataclass(frozen=True, slots=True)
class Comparable:
    """One reply that can be compared. `colour` is six hexadecimal digits."""

    id: str
    name: str
    colour: str
    text: str
    is_running: bool


@blueprint.get("/c/<session_id>/compare", endpoint="compare")
def compare(session_id: str) -> tuple[str, int]:
    """The replies `left` and `right`, and a form to choose others of that question. Where neither is named, the form
    for the newest question. What is no reply to the same question is missing."""
    asked = [request.args.get(side, "") for side in ("left", "right")]
    replies = _replies(session_id, next(filter(None, asked), None))
    by_id = {reply.id: reply for reply in replies}
    if not all(each in by_id for each in asked if each):
        raise NotFound
    pair = [by_id[each] for each in asked if each]
    is_same_twice = len(pair) == 2 and pair[0] is pair[1]
    values: dict[str, Any] = {
        "session_id": session_id,
        "replies": replies,
        "left_id": asked[0] or _first_but(asked[1], by_id),
        "right_id": asked[1] or _first_but(asked[0] or next(iter(by_id), ""), by_id),
        "colours": [f"#{reply.colour}" for reply in pair],
        "sides": [],
        "form_error": _SAME_TWICE if is_same_twice else None,
    }
    if len(pair) == 2 and not is_same_twice:
        values |= _compared(*pair)
    page = written("compare.html", values, Pieces(services().turnstile))
    return page, 422 if is_same_twice else 200


def _replies(session_id: str, generation_id: str | None) -> list[Comparable]:
    """All replies to the question that this one answers, or to the newest. Raises NotFound."""
    user_id, conversations = current_account().id, services().conversations
    if generation_id is None:
        turn_id = next(
            (row.turn_id for row in conversations.latest_messages(user_id, session_id, 1, None)), None
        )
    elif _ID.fullmatch(generation_id):
        turn_id = conversations.generation(user_id, generation_id).turn_id
    else:
        raise NotFound
    if turn_id is None:
        return []
    rows = conversations.exchange_messages(user_id, session_id, turn_id, MESSAGES)
    return _named([row for row in rows if row.role == "assistant"])


def _named(rows: Sequence[Any]) -> list[Comparable]:
    """With names that differ: several tries of one voice are numbered."""
    names = _names(rows)
    tries = Counter(names)
    seen: Counter[str] = Counter()
    found = []
    for row, name in zip(rows, names, strict=True):
        seen[name] += 1
        label = f"{name}, try {seen[name]}" if tries[name] > 1 else name
        colour = row.voice_colour.removeprefix("#")
        found.append(Comparable(row.generation_id, label, colour, row.content, row.status == "streaming"))
    return found


def _names(rows: Sequence[Any]) -> list[str]:
    """One for each voice: those that are called alike have their keys beside."""
    plain = [f"Merged by {row.voice_name}" if row.is_merge else row.voice_name for row in rows]
    alike = Counter(name for name, _ in {(name, row.voice) for name, row in zip(plain, rows, strict=True)})
    return [
        f"{name} ({row.voice})" if alike[name] > 1 else name for name, row in zip(plain, rows, strict=True)
    ]


def _first_but(other: str, ids: Sequence[str] | dict[str, Comparable]) -> str:
    return next((each for each in ids if each != other), "")


def _compared(left: Comparable, right: Comparable) -> dict[str, Any]:
    texts = left.text, right.text
    is_short = len(left.text) + len(right.text) <= SHORT
    found = compared(*texts) if is_short else in_render_thread(compared, *texts)
    sides: list[tuple[Comparable, tuple[Part, ...], str]] = [
        (left, found.left, "del"),
        (right, found.right, "ins"),
    ]
    return {"sides": sides, "grain": found.grain, "is_same": found.is_same}
