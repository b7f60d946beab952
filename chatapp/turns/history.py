"""History: what was said before a question, and what a voice sees of it.

A conversation is a chain of questions, each with the replies of the voices that were asked. `exchanges` reads the last
of them once for all voices of a turn; `seen_by` makes of them what one voice is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, bindparam, literal, select
from sqlalchemy.orm import aliased

from chatapp.store.conversation import Generation, Message
from chatapp.turns.prompt import PromptMessage
from chatapp.turns.voice import History, Voice


@dataclass(frozen=True, slots=True)
class Reply:
    """What one voice replied: of several tries the last that has text, else the last."""

    id: str
    generation_id: str
    voice: str
    name: str
    content: str
    is_merge: bool

    @property
    def source(self) -> str | None:
        """Of which it is a try: its voice; all merges are tries of one thing, whoever wrote them."""
        return None if self.is_merge else self.voice


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its replies, in the order in which they were asked for; merged ones are the last. `chosen` is
    the one from which the conversation went on."""

    question: str
    replies: tuple[Reply, ...]
    chosen: Reply | None
    told: dict[str, PromptMessage] = field(default_factory=dict, compare=False)
    """What was told of each reply already, by its id: text that a hundred voices see is held once."""

    def by(self, voice: str) -> Reply | None:
        """What that voice replied on its own."""
        return next((each for each in self.replies if each.voice == voice and not each.is_merge), None)

    def branch(self, voice: str) -> Reply | None:
        """The chosen reply; where none was, that voice's own, or the first that has text."""
        candidates = (self.chosen, self.by(voice), *self.replies)
        return next((each for each in candidates if each is not None and each.content), None)


def _walk() -> Select[Any]:
    """The questions and the replies on the way back from a message, and all replies to these questions."""
    walk = (
        select(Message.id, Message.parent_id, Message.role, literal(1).label("depth"))
        .where(Message.id == bindparam("last"))
        .cte("branch", recursive=True)
    )
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, parent.role, walk.c.depth + 1)
    walk = walk.union_all(
        step.join(walk, parent.id == walk.c.parent_id).where(walk.c.depth < bindparam("limit"))
    )
    columns = (
        walk.c.id.label("at"),
        walk.c.depth,
        Message.id,
        Message.role,
        Message.content,
        Message.generation_id,
    )
    of_reply = (Generation.voice, Generation.voice_name, Generation.is_merge)
    on_the_way = (
        select(*columns, *of_reply)
        .join(walk, walk.c.id == Message.id)
        .outerjoin(Generation, Generation.id == Message.generation_id)
    )
    replies = (
        select(*columns, *of_reply)
        .join(walk, (walk.c.id == Message.parent_id) & (walk.c.role == "user"))
        .join(Generation, Generation.id == Message.generation_id)
    )
    return on_the_way.union_all(replies)  # type: ignore[return-value]


_SAID = _walk()


def exchanges(connection: Connection, last_id: str | None, limit: int) -> list[Exchange]:
    """What was said up to the message `last_id`, oldest first: enough of it for `limit` messages. Costs the same
    however long the conversation is."""
    if last_id is None or limit == 0:
        return []
    rows = connection.execute(_SAID, {"last": last_id, "limit": limit + 1}).all()
    questions = sorted((row for row in rows if row.role == "user"), key=lambda row: -row.depth)
    on_the_way = {row.id for row in rows if row.at == row.id and row.role == "assistant"}
    return [
        _exchange(question.content, [row for row in rows if row.at == question.id != row.id], on_the_way)
        for question in questions
    ]


def _exchange(question: str, rows: Sequence[Any], on_the_way: set[str]) -> Exchange:
    chosen = next((reply(row) for row in rows if row.id in on_the_way), None)
    return Exchange(question, standing(rows), chosen)


def standing(rows: Sequence[Any]) -> tuple[Reply, ...]:
    """The replies to one question that count: of each voice one, and of merges the last."""
    counting: dict[str | None, Reply] = {}
    for row in sorted(rows, key=lambda row: (row.is_merge, row.id)):
        found = reply(row)
        before = counting.get(found.source)
        if found.content or before is None or not before.content:
            counting[found.source] = found
    return tuple(counting.values())


def reply(row: Any) -> Reply:
    """A row of both statements that read replies."""
    return Reply(row.id, row.generation_id, row.voice, row.voice_name, row.content, row.is_merge)


def seen_by(voice: Voice, said: Sequence[Exchange], limit: int) -> list[PromptMessage]:
    """The last `limit` messages of what this voice sees, oldest first. What another voice said beside the branch is
    told as a user's message that names it: to the model only its own words, and the branch, are its own."""
    messages: list[PromptMessage] = []
    for exchange in reversed(said):
        if len(messages) >= limit:
            break
        messages += reversed(_replies_seen(voice, exchange))
        messages.append({"role": "user", "content": exchange.question})
    return messages[:limit][::-1]


def _replies_seen(voice: Voice, exchange: Exchange) -> list[PromptMessage]:
    if voice.history is History.ALL:
        return [_told(voice, each, exchange.told) for each in exchange.replies if each.content]
    seen = exchange.by(voice.key) if voice.history is History.OWN else exchange.branch(voice.key)
    return [{"role": "assistant", "content": seen.content}] if seen and seen.content else []


def _told(voice: Voice, said: Reply, before: dict[str, PromptMessage]) -> PromptMessage:
    if said.source == voice.key:
        return {"role": "assistant", "content": said.content}
    if said.id not in before:
        did = "merged all answers" if said.is_merge else "answered"
        before[said.id] = {"role": "user", "content": f"{said.name} {did}:\n\n{said.content}"}
    return before[said.id]
